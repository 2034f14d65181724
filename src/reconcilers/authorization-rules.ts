/**
 * Normalises the rules of an AuthorizationPolicy that has the shape of its schema. Whole or not at all: whatever is not
 * understood throws InvalidObject, since a value that is skipped is a demand that is not made.
 */
import type {
  AuthorizationPolicyOperation,
  AuthorizationPolicyRule,
  AuthorizationPolicySource,
  AuthorizationPolicySpec,
} from "../api/generated/AuthorizationPolicy.ts";
import type { AuthorizationRule, OperationMatch, SourceMatch } from "../model/mesh.ts";
import { readConditions } from "./authorization-conditions.ts";
import {
  readBlock,
  readHost,
  readPath,
  readPort,
  readPrincipal,
  readServiceAccount,
  readString,
  readValues,
} from "./authorization-values.ts";
import { InvalidObject } from "./objects.ts";

/** What a policy says, with its defaults filled in. */
export interface PolicyBody {
  readonly action: "ALLOW" | "DENY";
  readonly isDryRun: boolean;
  readonly rules: readonly AuthorizationRule[];
}

/** Reads the spec of a policy of this namespace. Throws InvalidObject with the path of the field at fault. */
export function readPolicy(spec: AuthorizationPolicySpec, namespace: string): PolicyBody {
  const { action = "ALLOW", enforcement, rules } = spec;
  if (rules === undefined && action === "DENY") {
    throw new InvalidObject("spec.rules: a DENY policy without rules would deny nothing: add rules, or write `[{}]`");
  }
  return {
    action,
    isDryRun: enforcement === "DryRun",
    rules: (rules ?? []).map((rule, index) => readRule(rule, `spec.rules[${index}]`, namespace)),
  };
}

function readRule(rule: AuthorizationPolicyRule, path: string, namespace: string): AuthorizationRule {
  return {
    sources: (rule.from ?? []).map(({ source }, at) => readSource(source, `${path}.from[${at}].source`, namespace)),
    operations: (rule.to ?? []).map(({ operation }, at) => readOperation(operation, `${path}.to[${at}].operation`)),
    ...(rule.when === undefined ? {} : { conditions: readConditions(rule.when, path, namespace) }),
  };
}

function readSource(given: AuthorizationPolicySource, path: string, namespace: string): SourceMatch {
  const principals = readValues(given, path, "principals", "notPrincipals", readPrincipal);
  const namespaces = readValues(given, path, "namespaces", "notNamespaces", readString);
  const serviceAccounts = readValues(given, path, "serviceAccounts", "notServiceAccounts", (text, at) =>
    readServiceAccount(text, at, namespace),
  );
  const ipBlocks = readValues(given, path, "ipBlocks", "notIpBlocks", readBlock);
  return {
    ...(principals === undefined ? {} : { principals }),
    ...(namespaces === undefined ? {} : { namespaces }),
    ...(serviceAccounts === undefined ? {} : { serviceAccounts }),
    ...(ipBlocks === undefined ? {} : { ipBlocks }),
  };
}

function readOperation(given: AuthorizationPolicyOperation, path: string): OperationMatch {
  const hosts = readValues(given, path, "hosts", "notHosts", readHost);
  const ports = readValues(given, path, "ports", "notPorts", readPort);
  const methods = readValues(given, path, "methods", "notMethods", readString);
  const paths = readValues(given, path, "paths", "notPaths", readPath);
  return {
    ...(hosts === undefined ? {} : { hosts }),
    ...(ports === undefined ? {} : { ports }),
    ...(methods === undefined ? {} : { methods }),
    ...(paths === undefined ? {} : { paths }),
  };
}
