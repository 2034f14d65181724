/** Who calls, in RBAC's words. */
import type { AuthorizationRule, SourceMatch, StringMatch } from "../model/mesh.ts";
import type { PrincipalJson } from "./generated/envoy/config/rbac/v3/rbac_pb.js";
import type { Logic, RBACAction } from "./matching.ts";
import { allOf, escapeRE2, fieldTerms, isPresence, nothing, stringMatcher } from "./matching.ts";

const logic: Logic<PrincipalJson> = {
  anything: { any: true },
  and: (ids) => ({ andIds: { ids: [...ids] } }),
  or: (ids) => ({ orIds: { ids: [...ids] } }),
  not: (id) => ({ notId: id }),
};

/** Any peer with a verified certificate. False for plaintext. */
const authenticated: PrincipalJson = { authenticated: {} };

/** Who fits a rule: any of its sources, or anyone if there are none, for whom its conditions hold. */
export function principals(
  { sources, conditions = [] }: AuthorizationRule,
  action: RBACAction,
  trustDomain: string,
): PrincipalJson[] {
  const always = conditions.flatMap((condition) =>
    "source" in condition ? sourceTerms(condition.source, action, trustDomain) : [],
  );
  const alternatives: readonly SourceMatch[] = sources.length === 0 ? [{}] : sources;
  return alternatives.map((source) => allOf(logic, [...sourceTerms(source, action, trustDomain), ...always]));
}

/**
 * What of an ALLOW can match a caller without a certificate: the rule without the sources that demand an identity, be it by
 * a negation. Undefined where nothing is left.
 */
export function unidentifiedPart(rule: AuthorizationRule): AuthorizationRule | undefined {
  const { sources, conditions = [] } = rule;
  if (conditions.some((condition) => "source" in condition && demandsIdentity(condition.source))) return undefined;
  // Without sources the rule is for anyone.
  if (sources.length === 0) return rule;
  const left = sources.filter((source) => !demandsIdentity(source));
  return left.length === 0 ? undefined : { ...rule, sources: left };
}

const demandsIdentity = ({ principals, namespaces, serviceAccounts }: SourceMatch): boolean =>
  [principals, namespaces, serviceAccounts].some((field) => (field?.any ?? field?.none) !== undefined);

/**
 * Envoy matches no identity of a plaintext peer, so a negation of one matches it. In a DENY that is what is meant: who is
 * not known is denied too. In an ALLOW a negation means "authenticated, and not that".
 */
function sourceTerms(source: SourceMatch, action: RBACAction, trustDomain: string): PrincipalJson[] {
  const identity = [
    ...fieldTerms(logic, source.principals, (value) => principalTerm(value, trustDomain)),
    ...fieldTerms(logic, source.namespaces, (value) => namespaceTerm(value, trustDomain)),
    ...fieldTerms(logic, source.serviceAccounts, ({ namespace, name }) => ({
      authenticated: { principalName: { exact: `spiffe://${trustDomain}/ns/${namespace}/sa/${name}` } },
    })),
  ];
  const negates = [source.principals, source.namespaces, source.serviceAccounts].some(
    (field) => field?.none !== undefined,
  );
  const addresses = fieldTerms(logic, source.ipBlocks, ({ address, prefixLength }) => ({
    // The connection's peer: X-Forwarded-For, which anyone may write, takes no part.
    directRemoteIp: { addressPrefix: address, prefixLen: prefixLength },
  }));
  return [...(negates && action === "ALLOW" ? [authenticated] : []), ...identity, ...addresses];
}

/** A form over `<trust domain>/ns/<namespace>/sa/<serviceaccount>`. */
function principalTerm(match: StringMatch, trustDomain: string): PrincipalJson {
  if (isPresence(match)) return authenticated;
  // Envoy compares the whole name. The end of it that begins in its scheme is the end of no identity.
  const scheme = "spiffe://";
  const isInScheme = (from: number) => match.value.startsWith(`${scheme.slice(from)}${trustDomain}/`);
  if (match.type === "suffix" && [...scheme].some((_, from) => isInScheme(from))) return nothing(logic);
  return { authenticated: { principalName: stringMatcher(match, scheme) } };
}

/** A form over the namespace of the peer's identity. */
function namespaceTerm(match: StringMatch, trustDomain: string): PrincipalJson {
  if (isPresence(match)) {
    return authenticated;
  }
  const before = `spiffe://${trustDomain}/ns/`;
  switch (match.type) {
    case "suffix":
      // A regular expression, because the namespace's end is in the middle of the identity.
      return {
        authenticated: {
          principalName: { safeRegex: { regex: `${escapeRE2(before)}[^/]*${escapeRE2(match.value)}/sa/[^/]+` } },
        },
      };
    case "prefix":
      // No namespace has a slash: such a prefix would reach into the name of the ServiceAccount.
      return match.value.includes("/")
        ? nothing(logic)
        : { authenticated: { principalName: { prefix: before + match.value } } };
    case "exact":
    case "template":
      return { authenticated: { principalName: { prefix: `${before}${match.value}/sa/` } } };
  }
}
