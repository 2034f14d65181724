/** What is called, in RBAC's words. */
import type { AddressRange, AuthorizationRule, OperationMatch, StringMatch, Values } from "../model/mesh.ts";
import { demandedOperations } from "../model/port-scope.ts";
import type { PermissionJson } from "./generated/envoy/config/rbac/v3/rbac_pb.js";
import type { StringMatcherJson } from "./generated/envoy/type/matcher/v3/string_pb.js";
import type { Logic, RBACAction } from "./matching.ts";
import { allOf, anyOf, escapeRE2, fieldTerms, isPresence, stringMatcher } from "./matching.ts";
import { headerPermissions } from "./rbac-header.ts";

/** How permissions are combined. */
const logic: Logic<PermissionJson> = {
  anything: { any: true },
  and: (rules) => ({ andRules: { rules: [...rules] } }),
  or: (rules) => ({ orRules: { rules: [...rules] } }),
  not: (rule) => ({ notRule: rule }),
};

/** Whether the rule has a field that only HTTP can answer. */
export function needsHTTP(rule: AuthorizationRule): boolean {
  return [...rule.operations, ...demandedOperations(rule)].some(
    ({ hosts, methods, paths, header }) => (hosts ?? methods ?? paths ?? header) !== undefined,
  );
}

/** What a rule says about requests: any of its operations, or anything if there are none. */
export function httpPermissions(rule: AuthorizationRule, action: RBACAction): PermissionJson[] {
  return permissions(rule, (operation) => [
    // The port and a trailing dot are stripped from the request's host before this is asked.
    ...fieldTerms(logic, operation.hosts, (value) => headerTerm(":authority", value, true)),
    ...fieldTerms(logic, operation.ports, portTerm),
    ...fieldTerms(logic, operation.methods, (value) => headerTerm(":method", value, false)),
    ...pathTerms(operation.paths, action),
    ...fieldTerms(logic, operation.addresses, addressTerm),
    ...serverNameTerms(operation.serverNames, "http", action),
    ...(operation.header === undefined ? [] : headerPermissions(logic, operation.header, action)),
  ]);
}

/** The L4 part of what a rule says. */
export function tcpPermissions(rule: AuthorizationRule, action: RBACAction): PermissionJson[] {
  return permissions(rule, (operation) => [
    ...fieldTerms(logic, operation.ports, portTerm),
    ...fieldTerms(logic, operation.addresses, addressTerm),
    ...serverNameTerms(operation.serverNames, "tcp", action),
  ]);
}

function permissions(
  rule: AuthorizationRule,
  terms: (operation: OperationMatch) => PermissionJson[],
): PermissionJson[] {
  const always = demandedOperations(rule).flatMap(terms);
  const operations: readonly OperationMatch[] = rule.operations.length === 0 ? [{}] : rule.operations;
  return operations.map((operation) => allOf(logic, [...terms(operation), ...always]));
}

/** The connection's original destination: the container's port. */
function portTerm(port: number): PermissionJson {
  return { destinationPort: port };
}

/** The connection's original destination: the pod's address. */
function addressTerm({ address, prefixLength }: AddressRange): PermissionJson {
  return { destinationIp: { addressPrefix: address, prefixLen: prefixLength } };
}

/**
 * The server name of the TLS handshake, which Envoy gives in lower case, and empty when there is none. On a TCP port it is
 * not known either when the handshake began after the listener had stopped to wait for it: an ALLOW then does not fit, and a
 * DENY does. With a trailing dot, which servers may ignore, a name is taken for the same where that denies more.
 */
function serverNameTerms(
  values: Values<StringMatch> | undefined,
  layer: "http" | "tcp",
  action: RBACAction,
): PermissionJson[] {
  const exactly = (match: StringMatch): PermissionJson => {
    if (isPresence(match)) return logic.not(noServerName);
    return { requestedServerName: stringMatcher(match) };
  };
  const perhaps = (match: StringMatch): PermissionJson[] => {
    if (isPresence(match) || (match.type !== "exact" && match.type !== "suffix")) return [exactly(match)];
    return [exactly(match), exactly({ ...match, value: `${match.value}.` })];
  };
  const { any, none } = values ?? {};
  if (action === "DENY") {
    const unknown = layer === "tcp" ? [noServerName] : [];
    return [
      ...(any === undefined ? [] : [anyOf(logic, [...any.flatMap(perhaps), ...unknown])]),
      ...(none === undefined ? [] : [logic.not(anyOf(logic, none.map(exactly)))]),
    ];
  }
  return [
    ...(any === undefined ? [] : [anyOf(logic, any.map(exactly))]),
    ...(none === undefined ? [] : [logic.not(anyOf(logic, [...none.flatMap(perhaps), noServerName]))]),
  ];
}

const noServerName: PermissionJson = { requestedServerName: { exact: "" } };

function headerTerm(name: string, match: StringMatch, ignoreCase: boolean): PermissionJson {
  if (isPresence(match)) {
    return logic.not({ header: { name, stringMatch: { exact: "" }, treatMissingHeaderAsEmpty: true } });
  }
  return { header: { name, stringMatch: { ...stringMatcher(match), ...(ignoreCase ? { ignoreCase } : {}) } } };
}

/** Where a path keeps callers out, it does so in every spelling that an application decodes to it. */
function pathTerms(values: Values<StringMatch> | undefined, action: RBACAction): PermissionJson[] {
  const { any, none } = values ?? {};
  return [
    ...(any === undefined ? [] : [anyOf(logic, any.map(action === "DENY" ? spelledPathTerm : pathTerm))]),
    ...(none === undefined ? [] : [logic.not(anyOf(logic, none.map(action === "ALLOW" ? spelledPathTerm : pathTerm)))]),
  ];
}

/** A form over the normalised path without its query. */
function pathTerm(match: StringMatch): PermissionJson {
  if (isPresence(match)) return ofPath({ prefix: "/" });
  return ofPath(match.type === "template" ? { safeRegex: { regex: templateRE2(match.value) } } : stringMatcher(match));
}

const ofPath = (path: StringMatcherJson): PermissionJson => ({ urlPath: { path } });

/**
 * The same, of whatever a caller may write in its place: in a normalised path letters, digits and `-._~` are never escaped
 * (RFC 3986, section 6.2.2.2), and any other character may be.
 */
function spelledPathTerm(match: StringMatch): PermissionJson {
  if (isPresence(match) || spellingsRE2(match.value) === escapeRE2(match.value)) return pathTerm(match);
  const spelled = match.type === "template" ? templateRE2(match.value, spellingsRE2) : spellingsRE2(match.value);
  const before = match.type === "suffix" ? ".*" : "";
  const after = match.type === "prefix" ? ".*" : "";
  return ofPath({ safeRegex: { regex: before + spelled + after } });
}

/** A text as an RE2 pattern of its spellings: as it is, and percent-encoded with digits in either case. */
function spellingsRE2(text: string): string {
  return text
    .split(/(%[0-9A-Fa-f]{2}|[^A-Za-z0-9._~/-])/)
    .map((part, index) => (index % 2 === 0 ? escapeRE2(part) : spellingsOf(part)))
    .join("");
}

/** Of one character, or of an escape. `%25` is only itself: as a percent sign it would begin an escape. */
function spellingsOf(unit: string): string {
  const code = unit.length === 1 ? unit.charCodeAt(0) : Number.parseInt(unit.slice(1), 16);
  const digits = code.toString(16).padStart(2, "0");
  const encoded = `%${digits.replaceAll(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`)}`;
  const isPlain = code > 0x20 && code < 0x7f && unit !== "%25";
  return isPlain ? `(${escapeRE2(String.fromCharCode(code))}|${encoded})` : encoded;
}

/**
 * A template as an RE2 pattern: `{*}` is one segment, `{**}` any number of them, and the rest is itself. Envoy's own matcher
 * of templates (`envoy.path.match.uri_template`) is not used, since version 1.40 ends the process when it cannot parse one,
 * for instance because of a space in it.
 */
function templateRE2(template: string, literal: (text: string) => string = escapeRE2): string {
  return template
    .split(/(\{\*\*?\})/)
    .map((part) => (part === "{**}" ? ".*" : part === "{*}" ? "[^/]+" : literal(part)))
    .join("");
}
