import { describe, expect, test } from "vitest";
import type { TrafficSplitMatch, TrafficSplitSpec } from "../../../src/api/generated/TrafficSplit.ts";
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
  const [decision] = compile(clusterOf(objects), testSettings).decisions.values();
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
    const [decision] = compile(clusterOf(objects), testSettings).decisions.values();
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

describe("a stored match that the API server would refuse", () => {
  const path = (type: "Exact" | "PathPrefix" | "RegularExpression", value: string): TrafficSplitMatch => {
    return { path: { type, value } };
  };
  const header = (name: string, value: string, type: "Exact" | "RegularExpression" = "Exact"): TrafficSplitMatch => {
    return { headers: [{ type, name, value }] };
  };

  test.each<[string, TrafficSplitMatch, string]>([
    ["a path without a slash", path("Exact", "api"), "path.value"],
    ["a prefix without a slash", path("PathPrefix", "api"), "path.value"],
    ["a path with a query", path("Exact", "/api?a=b"), "path.value"],
    ["a path with a fragment", path("Exact", "/api#a"), "path.value"],
    ["a path with a space", path("Exact", "/a b"), "path.value"],
    ["a path that is not ASCII", path("Exact", "/é"), "path.value"],
    ["a path with a newline at its end", path("Exact", "/api\n"), "path.value"],
    ["a path with a backslash", path("Exact", "/a\\b"), "path.value"],
    ["a path with two slashes", path("PathPrefix", "/a//b"), "path.value"],
    ["a path with a parent", path("Exact", "/a/.."), "path.value"],
    ["a path with an encoded slash", path("Exact", "/a%2fb"), "path.value"],
    ["an expression without an end", path("RegularExpression", "/["), "path.value"],
    ["an expression with a Unicode class", path("RegularExpression", "/\\p{Letter}"), "path.value"],
    ["a method in lower case", { method: "get" }, "method"],
    ["a method with a newline", { method: "GET\n" }, "method"],
    ["a pseudo header", header(":path", "/"), "headers[0].name"],
    ["a header with a space", header("x a", "/"), "headers[0].name"],
    ["a newline in a value", header("x-a", "a\nb"), "headers[0].value"],
    ["a NUL in a value", header("x-a", "a\0b"), "headers[0].value"],
    ["a space before a value", header("x-a", " a"), "headers[0].value"],
    ["an expression for a header without an end", header("x-a", "(", "RegularExpression"), "headers[0].value"],
    [
      "a header that is named twice",
      { headers: [...(header("x-a", "a").headers ?? []), ...(header("X-A", "b").headers ?? [])] },
      "headers[1].name",
    ],
  ])("%s is invalid, names the field, and divides nothing", (_what, match, field) => {
    const split = { backends: [{ service: "a", weight: 1 }], matches: [{ method: "GET" }, match] };
    expect(decide([http], split).accepted).toMatchObject({
      status: "False",
      reason: "Invalid",
      message: expect.stringContaining(`spec.matches[1].${field}: `),
    });
  });

  test("is no reason to refuse what the API server takes", () => {
    const matches = [
      path("Exact", "/"),
      path("Exact", "/a.b/..c/.well-known"),
      path("PathPrefix", "/caf%C3%A9/"),
      path("RegularExpression", "api|/v[0-9]+/.*"),
      { method: "M-SEARCH" },
      header("X_a!#$%&'*+.^`|~-9", 'a\tb "é"'),
      header("x-a", "(?i)a{3} ", "RegularExpression"),
    ];
    expect(decide([http], { backends: [{ service: "a", weight: 1 }], matches }).accepted.status).toBe("True");
  });
});
