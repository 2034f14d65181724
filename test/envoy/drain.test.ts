import { beforeAll, describe, expect, test } from "vitest";
import { runScenario } from "./run-scenario.ts";

/** What `drain-scenario.ts` prints: answers by connection, by moment, by case. */
type Seen = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>>;

// Network namespaces and iptables need it.
describe.skipIf(process.getuid?.() !== 0)("connections that are open when something changes", () => {
  let seen: Seen = {};
  beforeAll(async () => {
    seen = JSON.parse(await runScenario("drain")) as Seen;
  }, 240_000);

  const whole = {
    httpMesh: "200",
    httpPlaintext: "200",
    http2Mesh: "200",
    tcpMesh: "ping",
    tcpPlaintext: "ping",
    undeclaredMesh: "ping",
    undeclaredPlaintext: "ping",
  };

  test("a policy for requests judges the next one on the same connection, of HTTP/1.1 and HTTP/2, and ends none", () => {
    expect(seen["httpPolicy"]).toEqual({
      before: whole,
      after: { ...whole, httpMesh: "403", httpPlaintext: "403", http2Mesh: "403" },
      others: whole,
      afterDrain: whole,
    });
  });

  test("a policy for connections ends those of its port within the drain time, and no others", () => {
    expect(seen["tcpPolicy"]).toEqual({
      before: whole,
      after: whole,
      afterDrain: { ...whole, tcpMesh: "closed", tcpPlaintext: "closed" },
    });
  });

  test("Strict ends connections in plaintext within the drain time; those of the mesh go on", () => {
    expect(seen["strict"]).toEqual({
      before: whole,
      // The next answer on a kept connection says that it is the last.
      after: { ...whole, httpPlaintext: "200, close" },
      afterDrain: { ...whole, httpPlaintext: "closed", tcpPlaintext: "closed", undeclaredPlaintext: "closed" },
    });
  });
});
