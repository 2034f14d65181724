/**
 * The string forms of policies, matched by hand: what users write never becomes a regular expression here.
 */
import type { StringMatch, Values } from "../model/mesh.ts";

/** What a rule does, and so which way it is read where something is not certain. */
export type Action = "ALLOW" | "DENY";

/** Whether a text fits a form. Templates exist in paths only; elsewhere their text is taken as it is. */
export function fitsText(match: StringMatch, text: string): boolean {
  switch (match.type) {
    case "present":
      return text !== "";
    case "prefix":
      return text.startsWith(match.value);
    case "suffix":
      return text.endsWith(match.value);
    case "exact":
    case "template":
      return text === match.value;
  }
}

/** Whether the values of a field hold: one of `any`, unless there is no such demand, and none of `none`. */
export function holds<T>(
  values: Values<T> | undefined,
  fits: (value: T) => boolean,
  excludes: (value: T) => boolean = fits,
): boolean {
  const { any, none } = values ?? {};
  return (any === undefined || any.some(fits)) && none?.some(excludes) !== true;
}

/** Whether a normalised path is a form, spelled as it is in the form. */
export const fitsPath = (match: StringMatch, path: string): boolean => fitsSpelled(match, path, spelledAlike);

/**
 * Whether a normalised path may be a form to the application, which decodes it: each character of the form may be
 * percent-encoded, in either case of the digits. (What need not be encoded is decoded in a normalised path.)
 */
export const mayFitPath = (match: StringMatch, path: string): boolean => fitsSpelled(match, path, spelledAnyhow);

/** Matches a form's text at a place of the path. The place behind it; -1 when it is not there. */
type Speller = (form: string, path: string, at: number) => number;

const spelledAlike: Speller = (form, path, at) => (path.startsWith(form, at) ? at + form.length : -1);

function spelledAnyhow(form: string, path: string, from: number): number {
  let at = from;
  for (let index = 0; index < form.length; index++) {
    const escaped = escapeAt(form, index);
    const code = escaped ?? form.charCodeAt(index);
    if (escaped !== undefined) index += 2;
    if (escapeAt(path, at) === code) at += 3;
    // `%25` is a percent sign that another decoding might take for the beginning of an escape: it is not the sign itself.
    else if (path.charCodeAt(at) === code && escaped !== 0x25) at += 1;
    else return -1;
  }
  return at;
}

/** The character that an escape stands for; undefined when there is no escape at this place. */
function escapeAt(text: string, at: number): number | undefined {
  const digits = /^%([0-9a-f]{2})$/i.exec(text.slice(at, at + 3))?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

function fitsSpelled(match: StringMatch, path: string, spelled: Speller): boolean {
  switch (match.type) {
    case "present":
      return path !== "";
    case "exact":
      return spelled(match.value, path, 0) === path.length;
    case "prefix":
      return spelled(match.value, path, 0) !== -1;
    case "suffix":
      for (let at = 0; at <= path.length; at++) if (spelled(match.value, path, at) === path.length) return true;
      return false;
    case "template":
      return fitsTemplate(match.value.split("/"), path.split("/"), spelled);
  }
}

/** `{*}` is one segment that is not empty; `{**}` is one or more, empty ones too; any other segment is itself. */
function fitsTemplate(template: readonly string[], path: readonly string[], spelled: Speller): boolean {
  const fits = (segment: string, given: string): boolean =>
    segment === "{*}" ? given !== "" : spelled(segment, given, 0) === given.length;
  const many = template.indexOf("{**}");
  if (many === -1) {
    return template.length === path.length && template.every((segment, index) => fits(segment, path[index] ?? ""));
  }
  const tail = template.slice(many + 1);
  if (path.length < template.length) return false;
  return (
    template.slice(0, many).every((segment, index) => fits(segment, path[index] ?? "")) &&
    tail.every((segment, index) => fits(segment, path[path.length - tail.length + index] ?? ""))
  );
}
