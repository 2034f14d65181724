import { describe, expect, test } from "vitest";
import type { TrafficSplitSpec } from "../../../src/api/generated/TrafficSplit.ts";
import { compile } from "../../../src/reconcilers/compile.ts";
import { clusterOf, pod, service, testSettings, trafficSplit } from "../../support/objects.ts";

const http = { name: "http", port: 80 };
const db = { name: "db", port: 5432 };

function decide(ports: readonly (typeof http)[], spec: Omit<TrafficSplitSpec, "service">, ofEmpty = ports) {
  const objects = [
    pod("shop/a-1", { labels: { app: "a" }, addresses: ["10.1.0.1"] }),
    service("shop/a", { selector: { app: "a" }, ports }),
    service("shop/empty", { selector: { app: "none" }, ports: ofEmpty, addresses: ["10.96.0.2"] }),
    trafficSplit("shop/a", { service: "a", ...spec }),
  ];
  const [decision] = compile(clusterOf(objects), testSettings).decisions;
  if (decision === undefined) throw new Error("there is no decision");
  return decision;
}

describe("what a split cannot send anywhere", () => {
  const words = (ports: readonly (typeof http)[], ...backends: TrafficSplitSpec["backends"]): string =>
    decide(ports, { backends }).resolvedRefs.message;

  test("is a 503 to requests, and a closed connection on a TCP port", () => {
    const none = { service: "a", weight: 0 };
    expect(words([http], none)).toContain("so every request is answered with 503. ");
    expect(words([db], none)).toContain("so every connection is closed. ");
    expect(words([http, db], none)).toContain("so every request is answered with 503 (TCP connections are closed). ");
    const empty = { service: "empty", weight: 1 };
    expect(words([http], empty)).toContain("every request is answered with 503, since");
    expect(words([db], empty)).toContain("every connection is closed, since");
    const missing = { service: "missing", weight: 1 };
    expect(words([db], { service: "a", weight: 1 }, missing)).toContain("its share of the connections is closed.");
  });

  test("names the port, where others have endpoints", () => {
    const objects = [
      pod("shop/a-1", { labels: { app: "a" }, addresses: ["10.1.0.1"] }),
      service("shop/a", { selector: { app: "a" }, ports: [http, { ...db, targetPort: "missing" }] }),
      trafficSplit("shop/a", { service: "a", backends: [{ service: "a", weight: 1 }] }),
    ];
    const [decision] = compile(clusterOf(objects), testSettings).decisions;
    expect(decision?.resolvedRefs.message).toContain("every connection to port 5432 is closed, since");
  });

  test("with matches, is nothing on a TCP port, to which they do not apply", () => {
    const matches = [{ method: "GET" }];
    const backends = [{ service: "empty", weight: 1 }];
    expect(decide([db], { matches, backends }).resolvedRefs.status).toBe("True");
    expect(decide([http, db], { matches, backends }).resolvedRefs.message).toContain(
      "every request is answered with 503, since",
    );
    const lacking = decide([http, db], { matches, backends: [{ service: "a", weight: 1 }, ...backends] }, [http]);
    expect(lacking.resolvedRefs.status).toBe("True");
  });
});
