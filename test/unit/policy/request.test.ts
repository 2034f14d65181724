/** What of a request policies get to see. What a real sidecar forwards is compared with it by `test/envoy`. */
import { describe, expect, test } from "vitest";
import { normalizeHost } from "../../../src/policy/host.ts";
import { normalizePath } from "../../../src/policy/path.ts";
import { judgedRequest } from "../../../src/policy/request.ts";
import { normalizedPaths, servedHosts } from "../../support/spellings.ts";

const seen = <T>(of: T | { readonly rejected: string }): T | "rejected" =>
  typeof of === "object" && of !== null && "rejected" in of ? "rejected" : (of as T);

describe("paths", () => {
  test.each(normalizedPaths)("%s is %s", (given, expected) => {
    expect(seen(normalizePath(given))).toBe(expected);
  });

  test("what need not be escaped is decoded, and nothing else", () => {
    for (let code = 1; code < 256; code++) {
      const character = String.fromCharCode(code);
      const given = `/a%${code.toString(16).padStart(2, "0")}b`;
      const expected = /[A-Za-z0-9._~-]/.test(character) ? `/a${character}b` : given;
      if (character !== "/" && character !== "\\") expect(normalizePath(given)).toBe(expected);
    }
  });

  test("a normalised path is its own", () => {
    for (const [, path] of normalizedPaths) if (path !== "rejected") expect(normalizePath(path)).toBe(path);
  });
});

describe("hosts", () => {
  test.each(servedHosts)("%s is %s", (given, expected) => {
    expect(seen(normalizeHost(given))).toBe(expected);
  });
});

describe("requests", () => {
  const request = { method: "GET", path: "/", host: "cart" };

  test("an absolute URL says the host", () => {
    expect(judgedRequest({ ...request, path: "http://secret:80/x?y" })).toMatchObject({ host: "secret", path: "/x" });
    expect(judgedRequest({ ...request, path: "https://secret" })).toMatchObject({ host: "secret", path: "/" });
  });

  test("lines of a header are kept apart, without white space around; what speaks for the proxy is taken away", () => {
    const headers = [
      ["X-A", " 1\t"],
      ["x-a", "2"],
      ["x-forwarded-client-cert", "URI=spiffe://a"],
      ["X-Envoy-Original-Path", "/x"],
    ] as const;
    const judged = judgedRequest({ ...request, headers });
    expect(judged).toMatchObject({ headers: new Map([["x-a", ["1", "2"]]]) });
  });

  test.each([
    ["CONNECT", { ...request, method: "CONNECT" }],
    ["a method with a space", { ...request, method: "GET X" }],
    ["a header with an underscore", { ...request, headers: [["x_role", "a"]] as const }],
    ["a header with a space", { ...request, headers: [["x role", "a"]] as const }],
    ["a second host", { ...request, headers: [["Host", "a"]] as const }],
  ])("%s is served to nobody", (_what, given) => {
    expect(seen(judgedRequest(given))).toBe("rejected");
  });
});
