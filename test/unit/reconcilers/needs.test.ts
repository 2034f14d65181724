import { describe, expect, test } from "vitest";
import type { EnvoyResource } from "../../../src/envoy/resource.ts";
import type { ResourceState } from "../../../src/model/acknowledgement.ts";
import { compile } from "../../../src/reconcilers/compile.ts";
import { objectStatus } from "../../../src/reconcilers/programmed.ts";
import type { GivenObject } from "../../support/objects.ts";
import {
  authorizationPolicy,
  clusterOf,
  meshTLS,
  pod,
  service,
  testSettings,
  trafficSplit,
} from "../../support/objects.ts";
import { proxiesSaying } from "../../support/proxies.ts";

/** One workload whose only port is HTTP. */
const workload = [
  pod("shop/a-1", { labels: { app: "a" }, addresses: ["10.1.0.1"] }),
  ...["a", "b", "c"].map((name, index) =>
    service(`shop/${name}`, { selector: { app: "a" }, addresses: [`10.96.0.${index + 1}`] }),
  ),
];

/** The outcome for each object, once all is acknowledged but for what is said: `reason`, and `!` where Stalled. */
function outcomes(
  objects: readonly GivenObject[],
  said: (resource: EnvoyResource) => ResourceState | undefined,
): Readonly<Record<string, string>> {
  const compilation = compile(clusterOf([...workload, ...objects]), testSettings);
  const states = proxiesSaying(compilation, "shop/a-1", said);
  return Object.fromEntries(
    [...compilation.decisions.values()].map((decision) => {
      const { conditions } = objectStatus(decision, compilation, states, 0);
      const reason = conditions.find(({ type }) => type === "Programmed")?.reason;
      const isStalled = conditions.some(({ type }) => type === "Stalled");
      return [decision.object.name, `${reason}${isStalled ? "!" : ""}`];
    }),
  );
}

function messageOf(
  name: string,
  objects: readonly GivenObject[],
  said: (resource: EnvoyResource) => ResourceState | undefined,
): string | undefined {
  const compilation = compile(clusterOf([...workload, ...objects]), testSettings);
  const decision = [...compilation.decisions.values()].find(({ object }) => object.name === name);
  if (decision === undefined) throw new Error(`there is no ${name}`);
  const { conditions } = objectStatus(decision, compilation, proxiesSaying(compilation, "shop/a-1", said), 0);
  return conditions.find(({ type }) => type === "Programmed")?.message;
}

const refused = ({ version }: EnvoyResource): ResourceState => ({
  acknowledged: "old",
  rejected: { version, message: "Envoy's words" },
});
const old: ResourceState = { acknowledged: "old" };

describe("a refusal in a workload is told to the objects that are in what was refused", () => {
  const objects = [
    meshTLS("shop/tls", { mode: "Strict" }),
    authorizationPolicy("shop/allow", { rules: [{}] }),
    authorizationPolicy("shop/deny", { action: "DENY", rules: [{ to: [{ operation: { ports: ["8080"] } }] }] }),
    authorizationPolicy("shop/deny-all-ports", {
      action: "DENY",
      rules: [{ from: [{ source: { namespaces: ["b"] } }] }],
    }),
    authorizationPolicy("shop/dry-run", { enforcement: "DryRun", rules: [{}] }),
  ];
  const live = {
    tls: "Programmed",
    allow: "Programmed",
    deny: "Programmed",
    "deny-all-ports": "Programmed",
    "dry-run": "Programmed",
  };

  test("nothing refused", () => {
    expect(outcomes(objects, () => undefined)).toEqual(live);
  });

  test.each([
    ["authorization-http-allow", { allow: "Rejected!" }],
    ["authorization-http-deny", { deny: "Rejected!", "deny-all-ports": "Rejected!" }],
    ["dry-run-http/shop/dry-run", { "dry-run": "Rejected!" }],
    ["dry-run-tcp/shop/dry-run", { "dry-run": "Rejected!" }],
  ])("the extension %s", (name, others) => {
    const said = (resource: EnvoyResource) => (resource.name === name ? refused(resource) : undefined);
    expect(outcomes(objects, said)).toEqual({ ...live, ...others });
  });

  test("the listener, which has modes and rules of connections: a DENY whose only port is HTTP is not in it, and waits", () => {
    const said = (resource: EnvoyResource) => (resource.name === "inbound" ? refused(resource) : undefined);
    expect(outcomes(objects, said)).toEqual({
      tls: "Rejected!",
      allow: "Rejected!",
      deny: "Pending",
      "deny-all-ports": "Rejected!",
      "dry-run": "Pending",
    });
    expect(messageOf("deny", objects, said)).toBe(
      "0 of 1 proxies have acknowledged it. It waits for what another object is in, which is refused. shop/a-1: Envoy's words",
    );
  });

  test("the first version of an extension: Envoy goes on with the default, and the others are live", () => {
    const allow = (state: (resource: EnvoyResource) => ResourceState) => (resource: EnvoyResource) =>
      resource.name === "authorization-http-allow" ? state(resource) : undefined;
    const first = allow(({ version }) => ({ rejected: { version, message: "no" } }));
    expect(outcomes(objects, first)).toEqual({ ...live, allow: "Rejected!" });
    // Nothing said of it yet: the listener may still wait for it.
    const silent = {
      tls: "Pending",
      allow: "Pending",
      deny: "Pending",
      "deny-all-ports": "Pending",
      "dry-run": "Pending",
    };
    expect(
      outcomes(
        objects,
        allow(() => ({})),
      ),
    ).toEqual(silent);
    // The former version is still there, and the listener works with it.
    expect(
      outcomes(
        objects,
        allow(() => old),
      ),
    ).toEqual({ ...live, allow: "Pending" });
  });
});

describe("a refused listener", () => {
  const said = (resource: EnvoyResource) => (resource.name === "inbound" ? refused(resource) : undefined);
  const account = (name: string) => ({ from: [{ source: { serviceAccounts: [name] } }] });

  test("is told to the policies whose callers a handshake takes, and to no others", () => {
    const database = service("shop/database", {
      selector: { app: "a" },
      addresses: ["10.96.0.9"],
      ports: [{ name: "sql", port: 3306, appProtocol: "mysql" }],
    });
    const at = (port: string) => ({ to: [{ operation: { ports: [port] } }] });
    const objects = [
      database,
      authorizationPolicy("shop/sql", { rules: [{ ...account("b"), ...at("3306") }] }),
      authorizationPolicy("shop/web", { rules: [{ to: [{ operation: { ports: ["8080"], methods: ["GET"] } }] }] }),
      authorizationPolicy("shop/other", { rules: [{ ...account("b"), ...at("9") }] }),
    ];
    expect(outcomes(objects, said)).toEqual({ other: "Rejected!", sql: "Rejected!", web: "Pending" });
  });

  test("is told to an ALLOW by identity that plaintext chains have nothing of", () => {
    const byMethod = { to: [{ operation: { methods: ["GET"] } }] };
    const objects = [
      authorizationPolicy("shop/identity", { rules: [account("b")] }),
      authorizationPolicy("shop/method", { rules: [byMethod] }),
    ];
    expect(outcomes(objects, said)).toEqual({ identity: "Rejected!", method: "Pending" });
    // Where it is the only one, that nothing matches is what it says.
    expect(outcomes(objects.slice(1), said)).toEqual({ method: "Rejected!" });
  });
});

describe("a split", () => {
  const mirroring = [
    trafficSplit("shop/split", {
      service: "a",
      backends: [{ service: "a", weight: 1 }],
      mirror: { service: "b", percent: 5 },
    }),
  ];
  const isMirror = ({ type, name }: EnvoyResource) => type === "cluster" && name.startsWith("mirror/shop/b/");
  const isRoute = ({ type, name }: EnvoyResource) => type === "route" && name.includes("/a/");

  test("needs its mirror", () => {
    expect(outcomes(mirroring, (resource) => (isMirror(resource) ? old : undefined))).toEqual({ split: "Pending" });
    const unknown = ({ type, name }: EnvoyResource) =>
      type === "endpoint" && name.includes("/b/") ? ({} as ResourceState) : undefined;
    expect(outcomes(mirroring, unknown)).toEqual({ split: "Pending" });
  });

  test("whose mirror is refused is refused, whether its route is held back or not", () => {
    const said = (resource: EnvoyResource) => (isMirror(resource) ? refused(resource) : undefined);
    expect(outcomes(mirroring, said)).toEqual({ split: "Rejected!" });
    expect(outcomes(mirroring, (resource) => (isRoute(resource) ? old : said(resource)))).toEqual({
      split: "Rejected!",
    });
    expect(messageOf("split", mirroring, said)).toContain("Envoy's words");
  });

  test("does not need the mirror of another that shares its backend", () => {
    const other = trafficSplit("shop/other", { service: "c", backends: [{ service: "b", weight: 1 }] });
    const said = (resource: EnvoyResource) => (isMirror(resource) ? refused(resource) : undefined);
    expect(outcomes([...mirroring, other], said)).toEqual({ split: "Rejected!", other: "Programmed" });
  });

  test("waits for the routes that it shares with another, and is not told of what only that one leads to", () => {
    const matching = trafficSplit("shop/matching", {
      service: "a",
      backends: [{ service: "b", weight: 1 }],
      matches: [{ method: "POST" }],
    });
    const plain = trafficSplit("shop/plain", { service: "a", backends: [{ service: "c", weight: 1 }] });
    const said = (resource: EnvoyResource) => {
      if (resource.type === "cluster" && resource.name.includes("/b/")) return refused(resource);
      return isRoute(resource) ? old : undefined;
    };
    expect(outcomes([matching, plain], said)).toEqual({ matching: "Rejected!", plain: "Pending" });
    expect(messageOf("plain", [matching, plain], said)).toContain("shop/a-1: Envoy's words");
    // The route itself has both in it.
    const route = (resource: EnvoyResource) => (isRoute(resource) ? refused(resource) : undefined);
    expect(outcomes([matching, plain], route)).toEqual({ matching: "Rejected!", plain: "Rejected!" });
  });
});
