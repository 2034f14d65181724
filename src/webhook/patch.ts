import { createPatch, type Operation, type Pointer } from "rfc6902";
import type { AdmissionPod } from "./pod.ts";

/** One operation of a JSON patch (RFC 6902). */
export type PatchOperation = Operation;

/**
 * The smallest JSON patch from one pod to the other: only fields that differ, and elements of lists added or removed one
 * by one. Parts that both pods share by reference are not looked into, so that its cost is that of the change.
 */
export function podPatch(before: AdmissionPod, after: AdmissionPod): PatchOperation[] {
  return createPatch(before, after, difference);
}

// The library's own comparison of lists takes time and memory by the product of their lengths: it is never reached.
function difference(input: unknown, output: unknown, at: Pointer): PatchOperation[] | undefined {
  if (input === output) return [];
  if (!Array.isArray(input) || !Array.isArray(output)) return undefined;
  return haveNames(input) && haveNames(output)
    ? listPatch(input, output, at)
    : [{ op: "replace", path: at.toString(), value: output }];
}

/** From one list of named things to another. Things that keep their order stay in place; others are removed and added. */
function listPatch(input: readonly Named[], output: readonly Named[], at: Pointer): PatchOperation[] {
  const place = new Map(output.map(({ name }, index) => [name, index]));
  let last = -1;
  const staying = input.map(({ name }) => {
    const target = place.get(name) ?? -1;
    if (target <= last) return false;
    last = target;
    return true;
  });
  const path = (index: number): string => at.add(String(index)).toString();
  // From the back, so that the indices before a removed element stay valid.
  const removals = staying
    .flatMap((stays, index) => (stays ? [] : [index]))
    .reverse()
    .map((index): PatchOperation => ({ op: "remove", path: path(index) }));

  const rest = input.filter((_, index) => staying[index])[Symbol.iterator]();
  let existing = rest.next().value;
  const additions = output.flatMap((element, index): PatchOperation[] => {
    if (existing === undefined || existing.name !== element.name)
      return [{ op: "add", path: path(index), value: element }];
    const before = existing;
    existing = rest.next().value;
    return createPatch(before, element, difference).map((operation) => ({
      ...operation,
      path: `${path(index)}${operation.path}`,
    }));
  });
  return [...removals, ...additions];
}

interface Named {
  readonly name: unknown;
}

function haveNames(list: readonly unknown[]): list is readonly Named[] {
  const names = new Set(
    list.map((element) =>
      typeof element === "object" && element !== null && "name" in element ? element.name : undefined,
    ),
  );
  return names.size === list.length && !names.has(undefined);
}
