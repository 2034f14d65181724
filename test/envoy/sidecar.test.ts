import { beforeAll, describe, expect, test } from "vitest";
import { runScenario } from "./run-scenario.ts";

/** What `sidecar-scenario.ts` prints. */
type Seen = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

let seen: Seen = {};

// Network namespaces and iptables need it.
describe.skipIf(process.getuid?.() !== 0)("a sidecar with real traffic", () => {
  beforeAll(async () => {
    seen = JSON.parse(await runScenario("sidecar")) as Seen;
  }, 120_000);

  const peer = (identity: string) => expect.stringContaining(`;URI=${identity}`);
  const frontend = {
    status: "200",
    seen: {
      peer: "127.0.0.6",
      headers: { "x-forwarded-client-cert": peer("spiffe://cluster.local/ns/shop/sa/frontend") },
    },
  };
  const refusedCertificates = { foreignAuthority: "reset", otherTrustDomain: "reset", withoutCertificate: "reset" };
  const guards = { inboundPort: "reset", outboundPort: "reset" };

  test("Permissive serves the mesh, plaintext, and carries the application's own TLS", () => {
    expect(seen["Permissive"]).toMatchObject({
      ...refusedCertificates,
      ...guards,
      mesh: frontend,
      meshHTTP2: "200 checkout",
      meshIPv6: "200",
      plaintext: { status: "200", seen: { peer: "127.0.0.6" } },
      plaintextHTTP2: "200 checkout",
      applicationTLS: "application TLS\n",
      serverFirst: "hello\n",
      serverFirstMesh: "hello\n",
      undeclared: "ping-ping-ping",
      undeclaredMesh: "ping-ping-ping",
    });
    expect(seen["Permissive"]).not.toHaveProperty("plaintext.seen.headers.x-forwarded-client-cert");
  });

  test("Strict serves the mesh only, and the application hears of nobody else", () => {
    expect(seen["Strict"]).toMatchObject({
      ...refusedCertificates,
      ...guards,
      mesh: frontend,
      meshHTTP2: "200 checkout",
      meshIPv6: "200",
      plaintext: { status: "reset" },
      plaintextHTTP2: "reset",
      applicationTLS: "reset",
      serverFirst: "reset",
      serverFirstMesh: "hello\n",
      undeclared: "reset",
      undeclaredMesh: "ping-ping-ping",
      greetings: 1,
    });
  });

  test("Disabled accepts what Permissive does, so that callers may change over at any time", () => {
    expect(seen["Disabled"]).toMatchObject({
      ...refusedCertificates,
      ...guards,
      mesh: frontend,
      meshHTTP2: "200 checkout",
      undeclaredMesh: "ping-ping-ping",
      plaintext: { status: "200" },
      plaintextHTTP2: "200 checkout",
      applicationTLS: "application TLS\n",
      serverFirst: "hello\n",
      undeclared: "ping-ping-ping",
    });
  });

  const answers = (name: string, answer: string): string[] =>
    Object.entries(seen["authorization"]?.[name] ?? {})
      .filter(([, got]) => got === answer)
      .map(([question]) => question);

  test("a denied path is denied in every spelling", () => {
    expect(answers("denyPath", "200")).toEqual(["/ok", "/ok?x=/admin"]);
    expect(answers("denyPath", "403")).toHaveLength(12);
    expect(answers("denyTemplate", "200")).toEqual(["/a/x/y/c", "/r?x"]);
    expect(answers("denyTemplate", "400")).toEqual(["/a/\xffb/c", "/a/\xc3\xa9/c"]);
    expect(answers("denyTemplate", "403")).toHaveLength(8);
    expect(answers("allowExactPath", "200")).toEqual(["/a.b", "/a.b?q"]);
  });

  test("a denied host is denied in every spelling", () => {
    expect(seen["authorization"]?.["denyHost"]).toEqual({
      "secret.local": "403",
      "SECRET.local": "403",
      "secret.local:80": "403",
      "secret.local.": "403",
      "secret.local.:80": "403",
      "open.local": "200",
      twice: "400",
      absolute: "403",
      http2: "403",
      // The application is not told of the Host header behind the authority.
      http2BehindHost: "200 open.local",
    });
    expect(seen["authorization"]?.["presence"]).toEqual({ some: "200", empty: "403" });
  });

  const http = (frontendStatus: string, stranger: string, plaintext: string) => ({
    frontend: frontendStatus,
    stranger,
    plaintext,
  });
  const hello = "hello\n";
  const ping = "ping-ping-ping";

  test.each([
    ["allowServiceAccount", http("200", "403", "403"), [hello, "reset", "reset"], [ping, "reset"], "reset"],
    ["allowNotNamespace", http("403", "200", "403"), ["reset", hello, "reset"], ["reset", "reset"], "reset"],
    ["denyNotNamespace", http("200", "403", "403"), [hello, "reset", "reset"], [ping, "reset"], "reset"],
    ["denyNamespace", http("403", "200", "200"), ["reset", hello, hello], ["reset", ping], "application TLS\n"],
    ["denyNamespaceSuffix", http("403", "200", "200"), ["reset", hello, hello], ["reset", ping], "application TLS\n"],
    ["allowNothing", http("403", "403", "403"), ["reset", "reset", "reset"], ["reset", "reset"], "reset"],
    ["allowMethodOnly", http("200", "200", "200"), ["reset", "reset", "reset"], ["reset", "reset"], "reset"],
    ["allowPort", http("200", "200", "200"), ["reset", "reset", "reset"], ["reset", "reset"], "reset"],
  ])(
    "%s holds for HTTP, TCP, undeclared ports and the application's own TLS",
    (name, requests, tcp, undeclared, tls) => {
      expect(seen["authorization"]?.[name]).toEqual({
        ...requests,
        frontendTCP: tcp[0],
        strangerTCP: tcp[1],
        plaintextTCP: tcp[2],
        frontendUndeclared: undeclared[0],
        plaintextUndeclared: undeclared[1],
        applicationTLS: tls,
      });
    },
  );

  test("an address is the connection's, whatever a header says", () => {
    expect(seen["authorization"]?.["allowAddress"]).toEqual({ inside: "200", outside: "403" });
  });

  test("who is not allowed does not read the greeting of a server that speaks first", () => {
    expect(seen["authorization"]?.["greetingOfDenied"]).toBe("silence");
  });

  test("what a caller says of itself does not reach the application", () => {
    expect(seen["headers"]).toMatchObject({
      underscore: "400",
      connect: "404",
      offersTLS: "200",
      http10: "HTTP/1.0 200 OK",
    });
    const claimed = seen["headers"]?.["claimed"] as { seen: { headers: Record<string, string> }; headers: string };
    expect(claimed.seen.headers).toEqual({
      host: "checkout",
      "x-forwarded-for": "192.0.2.1",
      "x-forwarded-proto": "http",
      "x-request-id": "given",
    });
    expect(claimed.headers).toContain("server: application");
  });

  test("the status port opens readiness and metrics, and nothing else of the admin interface", () => {
    expect(seen["headers"]).toMatchObject({
      metrics: "200",
      postMetrics: "404",
      "/quitquitquit": "404",
      "/stats": "404",
      "/stats/prometheus/../../config_dump": "404",
      "//config_dump": "404",
      "/stats/prometheus%2f..%2f..%2fconfig_dump": "404",
      "/ready/": "404",
    });
  });

  test("the outbound side reaches the inbound one, and only servers with the right name", () => {
    expect(seen["outbound"]).toMatchObject({
      call: {
        status: "200",
        seen: {
          url: "/path?q",
          headers: { "x-forwarded-client-cert": peer("spiffe://cluster.local/ns/shop/sa/checkout") },
        },
      },
      grpc: "200 checkout",
      serverFirst: "hello\n",
      notPrefix: "200",
      gone: "503",
      zero: "503",
      wrongServer: "503",
      unknownServer: "503",
      noEndpoints: "503",
      captureItself: "reset",
    });
    expect(JSON.stringify(seen["outbound"]?.["call"])).not.toContain("forged");
  });
});
