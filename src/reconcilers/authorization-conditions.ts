/**
 * Normalises `when`. Its keys are Istio's, and most say in another way what source and operation say:
 *
 *   source.*, destination.port        as the fields of source and operation
 *   destination.ip, connection.sni    of the connection, on every port
 *   request.headers[NAME]             of requests
 */
import type { AuthorizationPolicyCondition } from "../api/generated/AuthorizationPolicy.ts";
import type { RuleCondition } from "../model/mesh.ts";
import { quote } from "../model/quote.ts";
import {
  readBlock,
  readHost,
  readPort,
  readPrincipal,
  readServiceAccount,
  readString,
  readValues,
} from "./authorization-values.ts";
import { InvalidObject } from "./objects.ts";

/** Reads the conditions of a rule at this path. Throws InvalidObject with the path of the field at fault. */
export function readConditions(
  when: readonly AuthorizationPolicyCondition[],
  path: string,
  namespace: string,
): readonly RuleCondition[] {
  return when.map((condition, index) => readCondition(condition, `${path}.when[${index}]`, namespace));
}

function readCondition(given: AuthorizationPolicyCondition, path: string, namespace: string): RuleCondition {
  const values = <T>(read: (text: string, at: string) => T) => {
    const found = readValues(given, path, "values", "notValues", read);
    if (found === undefined) throw new InvalidObject(`${path}: give values, notValues or both`);
    return found;
  };
  switch (given.key) {
    case "source.ip":
      return { source: { ipBlocks: values(readBlock) } };
    case "source.namespace":
      return { source: { namespaces: values(readString) } };
    case "source.principal":
      return { source: { principals: values(readPrincipal) } };
    case "source.serviceAccount":
      return { source: { serviceAccounts: values((text, at) => readServiceAccount(text, at, namespace)) } };
    case "destination.ip":
      return { operation: { addresses: values(readBlock) } };
    case "destination.port":
      return { operation: { ports: values(readPort) } };
    case "connection.sni":
      return { operation: { serverNames: values(readHost) } };
    default:
      return { operation: { header: { name: readHeaderName(given.key, `${path}.key`), values: values(readString) } } };
  }
}

/** A token (RFC 9110, section 5.6.2) without quotes, which users write around names, and `_`: sidecars refuse such headers before any rule looks. */
const headerKey = /^request\.headers\[([A-Za-z0-9!#$%&*+.^`|~-]+)\]$/;

function readHeaderName(key: string, path: string): string {
  const name = headerKey.exec(key)?.[1]?.toLowerCase();
  if (name === undefined || name === "host") {
    throw new InvalidObject(
      `${path}: ${quote(key)}: this key is not known, or not the name of a header that can be judged`,
    );
  }
  return name;
}
