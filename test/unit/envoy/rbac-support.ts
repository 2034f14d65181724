/** Rules as Envoy has them, for tests of single rules. */
import { rules } from "../../../src/envoy/rbac-rules.ts";
import type { AuthorizationRule, OperationMatch, SourceMatch, StringMatch } from "../../../src/model/mesh.ts";
import { meshPolicy, meshRule } from "../../support/mesh-samples.ts";

/** The trust domain of the tests. */
export const domain = "cluster.local";

/** A match of exactly this text. */
export const exact = (value: string): StringMatch => ({ type: "exact", value });

/** The rules of a policy `shop/p`, by name. */
export const compiled = (action: "ALLOW" | "DENY", layer: "http" | "tcp", ...given: AuthorizationRule[]) =>
  rules(action, [meshPolicy("shop/p", given)], layer, domain).policies;

/** What a rule with only this source demands of the caller. */
export const principalsOf = (action: "ALLOW" | "DENY", source: SourceMatch) =>
  compiled(action, "http", meshRule(source))?.["shop/p/0"]?.principals;

/** What a rule with only this operation demands of the request; of an ALLOW unless told otherwise. */
export const permissionsOf = (operation: OperationMatch, action: "ALLOW" | "DENY" = "ALLOW") =>
  compiled(action, "http", meshRule(undefined, operation))?.["shop/p/0"]?.permissions;
