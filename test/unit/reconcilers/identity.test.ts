import { describe, expect, test } from "vitest";
import type { MeshTLSIdentity } from "../../../src/api/generated/MeshTLS.ts";
import { compile } from "../../../src/reconcilers/compile.ts";
import { clusterOf, meshTLS, testSettings } from "../../support/objects.ts";

describe("a stored life of certificates", () => {
  const certManager = { issuerRef: { kind: "ClusterIssuer", name: "mesh" } } as const;

  test.each<[string, string, MeshTLSIdentity]>([
    ["that cert-manager issues", "True", { provider: "CertManager", certManager, certificateTTL: "1h" }],
    ["that cert-manager issues none of", "False", { provider: "CertManager", certManager, certificateTTL: "59m" }],
    ["that only the built-in authority issues", "True", { certificateTTL: "59m" }],
    ["that nobody issues", "False", { certificateTTL: "9m" }],
  ])("%s: Accepted=%s", (_what, status, identity) => {
    const key = `${testSettings.rootNamespace}/default` as const;
    const { decisions, identityPlan } = compile(clusterOf([meshTLS(key, { identity })]), testSettings);
    expect(decisions).toMatchObject([{ accepted: { status } }]);
    expect(identityPlan.mayCreate).toBe(status === "True");
    if (status === "False") expect(decisions[0]?.accepted.message).toContain("spec.identity.certificateTTL: give ");
  });
});
