/** What is called, in RBAC's words. */
import type { OperationMatch, StringMatch } from "../model/mesh.ts";
import type { PermissionJson } from "./generated/envoy/config/rbac/v3/rbac_pb.js";
import type { Logic } from "./matching.ts";
import { allOf, escapeRE2, fieldTerms, isPresence, stringMatcher } from "./matching.ts";

const logic: Logic<PermissionJson> = {
  anything: { any: true },
  and: (rules) => ({ andRules: { rules: [...rules] } }),
  or: (rules) => ({ orRules: { rules: [...rules] } }),
  not: (rule) => ({ notRule: rule }),
};

/** Whether the operation has a field that only HTTP can answer. */
export function hasHTTPField({ hosts, methods, paths }: OperationMatch): boolean {
  return hosts !== undefined || methods !== undefined || paths !== undefined;
}

/** The operations of a rule over HTTP: any of them, or anything if there are none. */
export function httpPermissions(operations: readonly OperationMatch[]): PermissionJson[] {
  return permissions(operations, (operation) => [
    // The port and a trailing dot are stripped from the request's host before this is asked.
    ...fieldTerms(logic, operation.hosts, (value) => headerTerm(":authority", value, true)),
    ...fieldTerms(logic, operation.ports, portTerm),
    ...fieldTerms(logic, operation.methods, (value) => headerTerm(":method", value, false)),
    ...fieldTerms(logic, operation.paths, pathTerm),
  ]);
}

/** The L4 part of a rule's operations. */
export function tcpPermissions(operations: readonly OperationMatch[]): PermissionJson[] {
  return permissions(operations, (operation) => fieldTerms(logic, operation.ports, portTerm));
}

function permissions(
  operations: readonly OperationMatch[],
  terms: (operation: OperationMatch) => PermissionJson[],
): PermissionJson[] {
  return operations.length === 0 ? [logic.anything] : operations.map((operation) => allOf(logic, terms(operation)));
}

/** The connection's original destination: the container's port. */
function portTerm(port: number): PermissionJson {
  return { destinationPort: port };
}

function headerTerm(name: string, match: StringMatch, ignoreCase: boolean): PermissionJson {
  if (isPresence(match)) {
    return logic.not({ header: { name, stringMatch: { exact: "" }, treatMissingHeaderAsEmpty: true } });
  }
  return { header: { name, stringMatch: { ...stringMatcher(match), ...(ignoreCase ? { ignoreCase } : {}) } } };
}

/** A form over the normalised path without its query. */
function pathTerm(match: StringMatch): PermissionJson {
  if (isPresence(match)) {
    return { urlPath: { path: { prefix: "/" } } };
  }
  if (match.type !== "template") {
    return { urlPath: { path: stringMatcher(match) } };
  }
  return { urlPath: { path: { safeRegex: { regex: templateRE2(match.value) } } } };
}

/**
 * A template as an RE2 pattern: `{*}` is one segment, `{**}` any number of them, and the rest is itself. Envoy's own matcher
 * of templates (`envoy.path.match.uri_template`) is not used, since version 1.40 ends the process when it cannot parse one,
 * for instance because of a space in it.
 */
function templateRE2(template: string): string {
  return template
    .split(/(\{\*\*?\})/)
    .map((part) => (part === "{**}" ? ".*" : part === "{*}" ? "[^/]+" : escapeRE2(part)))
    .join("");
}
