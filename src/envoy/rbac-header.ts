/**
 * Conditions on headers. A header may come in several lines, and a line may be a list, of which applications take one
 * member, the first, the last or all. So there are two readings of "the header is v", and each is used where it denies more:
 *
 *             values              notValues
 *   ALLOW     certainly one       not perhaps one
 *   DENY      perhaps one         not certainly one
 *
 * Perhaps is asked of each line by RBAC's header matchers (Envoy 1.38 and later match lines one by one). Certainly is asked
 * of all lines joined by commas, which only CEL sees.
 */
import { singletonHeaders } from "../model/header.ts";
import type { AuthorizationRule, StringMatch, Values } from "../model/mesh.ts";
import type { PermissionJson } from "./generated/envoy/config/rbac/v3/rbac_pb.js";
import type { ExprJson } from "./generated/google/api/expr/v1alpha1/syntax_pb.js";
import type { Logic, RBACAction } from "./matching.ts";
import { anyOf, escapeRE2, isPresence } from "./matching.ts";

/** A demand on one header. */
interface HeaderValues {
  readonly name: string;
  readonly values: Values<StringMatch>;
}

/** The part of a demand that is asked line by line. */
export function headerPermissions(
  logic: Logic<PermissionJson>,
  { name, values }: HeaderValues,
  action: RBACAction,
): PermissionJson[] {
  const one = (matches: readonly StringMatch[]) =>
    anyOf(
      logic,
      matches.map((match): PermissionJson => ({ header: { name, ...perhaps(match) } })),
    );
  if (action === "DENY") return values.any === undefined ? [] : [one(values.any)];
  return values.none === undefined ? [] : [logic.not(one(values.none))];
}

/** As RE2: what may stand before and after a member of a list: other members, space, quotes, and parameters. */
const before = '(.*[,;])?[ \\t"]*';
const after = '[ \\t"]*([,;].*)?';

function perhaps(match: StringMatch): { presentMatch: true } | { stringMatch: { safeRegex: { regex: string } } } {
  if (isPresence(match)) return { presentMatch: true };
  const text = escapeRE2(match.value);
  const regex =
    match.type === "prefix"
      ? `${before}${text}.*`
      : match.type === "suffix"
        ? `.*${text}${after}`
        : before + text + after;
  return { stringMatch: { safeRegex: { regex } } };
}

/** The part of a rule's demands that is asked of whole headers; undefined when there is none. */
export function headerCondition({ conditions = [] }: AuthorizationRule, action: RBACAction): ExprJson | undefined {
  const headers = conditions.flatMap((condition) =>
    "operation" in condition && condition.operation.header !== undefined ? [condition.operation.header] : [],
  );
  const terms = headers.flatMap(({ name, values: { any, none } }): ExprJson[] => {
    if (action === "ALLOW") return any === undefined ? [] : [certainly(name, any)];
    return none === undefined ? [] : [call("!_", certainly(name, none))];
  });
  return terms.length === 0 ? undefined : terms.reduce((left, right) => call("_&&_", left, right));
}

/** Whether the header is there and one of these. To read one that is not there would be an error, which fits nothing. */
function certainly(name: string, matches: readonly StringMatch[]): ExprJson {
  const value = call("_[_]", requestHeaders, text(name));
  const single = singletonHeaders.has(name) ? [] : [call("!_", method(value, "contains", text(",")))];
  const exact = matches.flatMap((match) => (match.type === "exact" || match.type === "template" ? [match.value] : []));
  const others = matches.flatMap((match): ExprJson[] => {
    if (isPresence(match)) return [call("!_", call("_==_", value, text("")))];
    if (match.type !== "prefix" && match.type !== "suffix") return [];
    const fits = method(value, match.type === "prefix" ? "startsWith" : "endsWith", text(match.value));
    return [[fits, ...single].reduce((left, right) => call("_&&_", left, right))];
  });
  const listed: ExprJson = { listExpr: { elements: exact.map(text) } };
  const terms = [...(exact.length === 0 ? [] : [call("@in", value, listed)]), ...others];
  const one = terms.length === 0 ? never : terms.reduce((left, right) => call("_||_", left, right));
  return call("_&&_", call("@in", text(name), requestHeaders), one);
}

const requestHeaders: ExprJson = {
  selectExpr: { operand: { identExpr: { name: "request" } }, field: "headers" },
};
const never: ExprJson = { constExpr: { boolValue: false } };
const text = (value: string): ExprJson => ({ constExpr: { stringValue: value } });
const call = (name: string, ...args: ExprJson[]): ExprJson => ({ callExpr: { function: name, args } });
const method = (target: ExprJson, name: string, ...args: ExprJson[]): ExprJson => ({
  callExpr: { target, function: name, args },
});
