/** What is called, in RBAC's words. */
import type { OperationMatch, StringMatch } from "../model/mesh.ts";
import { packed } from "./extension.ts";
import type { PermissionJson } from "./generated/envoy/config/rbac/v3/rbac_pb.js";
import { UriTemplateMatchConfigSchema } from "./generated/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js";
import type { Logic } from "./matching.ts";
import { allOf, fieldTerms, isPresence, stringMatcher } from "./matching.ts";

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
  return {
    uriTemplate: {
      name: "envoy.path.match.uri_template.uri_template_matcher",
      typedConfig: packed(UriTemplateMatchConfigSchema, { pathTemplate: envoyTemplate(match.value) }),
    },
  };
}

/** `{*}` is one segment and `{**}` any number of them; Envoy writes both without braces. */
function envoyTemplate(template: string): string {
  return template.replaceAll("{**}", "**").replaceAll("{*}", "*");
}
