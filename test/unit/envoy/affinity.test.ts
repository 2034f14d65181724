import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { affinityRoutes } from "../../../src/envoy/affinity.ts";
import type { RouteJson } from "../../../src/envoy/generated/envoy/config/route/v3/route_components_pb.js";
import type { WeightedBackend } from "../../../src/model/mesh.ts";

const backendsOf = (weights: readonly number[]): WeightedBackend[] =>
  weights.map((weight, index) => ({
    weight,
    target: { kind: "service", namespace: "shop", service: `v${index}`, port: 80 },
  }));
const byHeader = { kind: "header", name: "x-user" } as const;
const byCookie = { kind: "cookie", name: "100%", ttlSeconds: 3600 } as const;
const match = { prefix: "/", headers: [{ name: "x-beta", stringMatch: { exact: "1" } }] };

const weightsOf = (route: RouteJson | undefined): number[] =>
  (route?.route?.weightedClusters?.clusters ?? []).map(({ weight }) => Number(weight));
const sharesOf = (weights: readonly number[]): number[] =>
  weightsOf(affinityRoutes(byHeader, match, backendsOf(weights), {})[0]);

describe("affinity by header", () => {
  test("is one route, divided by the hash of the header", () => {
    expect(affinityRoutes(byHeader, match, backendsOf([9, 1]), { timeout: "0s" })).toMatchObject([
      {
        match,
        route: {
          timeout: "0s",
          hashPolicy: [{ header: { headerName: "x-user" } }],
          weightedClusters: { useHashPolicy: true, clusters: [{ weight: 90_000_000 }, { weight: 10_000_000 }] },
        },
      },
    ]);
  });

  test("with one backend there is nothing to divide", () => {
    expect(affinityRoutes(byHeader, match, backendsOf([1]), {})).toEqual([
      { match, route: { cluster: "outbound/shop/v0/80" } },
    ]);
  });

  test("the sum of weights is always the same, a positive weight stays positive, and shares stay what they were", () => {
    const weights = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 2, maxLength: 32 });
    fc.assert(
      fc.property(weights, (given) => {
        const shares = sharesOf(given);
        const sum = given.reduce((total, weight) => total + weight, 0);
        expect(shares.reduce((total, weight) => total + weight, 0)).toBe(100_000_000);
        for (const [index, share] of shares.entries()) {
          expect(share).toBeGreaterThan(0);
          expect(Math.abs(share / 100_000_000 - (given[index] ?? 0) / sum)).toBeLessThan(1e-7);
        }
      }),
    );
  });

  test("equal proportions are equal shares, so that nobody moves when only the numbers change", () => {
    expect(sharesOf([90, 10])).toEqual(sharesOf([9, 1]));
    expect(sharesOf([50, 50])).toEqual(sharesOf([1, 1]));
  });
});

describe("affinity by cookie", () => {
  const routes = affinityRoutes(byCookie, match, backendsOf([9, 1]), {});

  test("who brings the cookie is divided by it; who does not is given the id of the request", () => {
    expect(routes).toMatchObject([
      { match: { ...match, cookies: [{ name: "100%" }] }, route: { hashPolicy: [{ cookie: { name: "100%" } }] } },
      {
        match: { prefix: "/", headers: [...match.headers, { name: "x-request-id" }] },
        route: { hashPolicy: [{ header: { headerName: "x-request-id" } }] },
        responseHeadersToAdd: [
          { header: { key: "set-cookie", value: "100%%=%REQ(x-request-id)%; Max-Age=3600; Path=/; HttpOnly" } },
        ],
      },
      { match, route: { hashPolicy: [{ header: { headerName: "x-request-id" } }] } },
    ]);
    // An id that is no cookie's value is not written into one.
    expect(routes[2]).not.toHaveProperty("responseHeadersToAdd");
  });

  test("no time to live is given to Envoy, which would make a cookie of its own", () => {
    expect(JSON.stringify(routes)).not.toContain("ttl");
  });
});
