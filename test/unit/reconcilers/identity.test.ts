import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MeshTLSIdentity } from "../../../src/api/generated/MeshTLS.ts";
import { compile } from "../../../src/reconcilers/compile.ts";
import { planIdentities } from "../../../src/reconcilers/identity.ts";
import { clusterOf, meshTLS, pod, testSettings } from "../../support/objects.ts";
import { clusters } from "../../support/random-cluster.ts";

describe("identities without the rest of a compile", () => {
  test("are what a compile says", () => {
    fc.assert(
      fc.property(clusters, (objects) => {
        const snapshot = clusterOf(objects);
        const { identityPlan: plan, identities } = compile(snapshot, testSettings);
        expect(planIdentities(snapshot, testSettings)).toEqual({ plan, identities });
      }),
      { numRuns: 60 },
    );
  });

  const wanted = meshTLS("heddle-system/default", { mode: "Strict", identity: { trustDomain: "example.org" } });
  const { pods, meshTLS: known } = clusterOf([wanted, pod("shop/a-1")]);

  test("are of the recorded trust domain and provider while nobody knows what the mesh-wide object says", () => {
    const authority = { trustDomain: "recorded.org", provider: { kind: "BuiltIn" } } as const;
    const { plan, identities } = planIdentities({ pods, authority, meshTLS: undefined }, testSettings);
    expect(plan).toMatchObject(authority);
    expect(identities.map(({ id }) => id)).toEqual([
      expect.stringMatching(/^spiffe:\/\/recorded\.org\/ns\/shop\/sa\//),
    ]);
  });

  test("need an authority, which is not made before what it is to be is known", () => {
    expect(planIdentities({ pods, meshTLS: undefined }, testSettings).plan.mayCreate).toBe(false);
    expect(planIdentities({ pods, meshTLS: known }, testSettings).plan).toMatchObject({
      mayCreate: true,
      trustDomain: "example.org",
    });
  });
});

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
    const [decision, ...others] = decisions.values();
    expect([decision, others]).toMatchObject([{ accepted: { status } }, []]);
    expect(identityPlan.mayCreate).toBe(status === "True");
    if (status === "False") expect(decision?.accepted.message).toContain("spec.identity.certificateTTL: give ");
  });
});
