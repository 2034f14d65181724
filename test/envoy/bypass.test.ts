/** Each class of known bypasses gets the verdict that it must, from a real sidecar, over HTTP/1.1 and HTTP/2. */
import { beforeAll, describe, expect, test } from "vitest";
import { bypassClasses, handshakeClasses } from "./bypass-corpus.ts";
import type { Fates } from "./bypass-scenario.ts";
import { runScenario } from "./run-scenario.ts";

let fates: Fates = {};

// Network namespaces and iptables need it.
describe.skipIf(process.getuid?.() !== 0)("bypasses", () => {
  beforeAll(async () => {
    fates = JSON.parse(await runScenario("bypass")) as Fates;
  }, 300_000);

  test.each(bypassClasses)("$name", ({ name, attempts }) => {
    expect(fates[name]?.attempts).toBeGreaterThanOrEqual(attempts.length);
    expect(fates[name]?.wrong).toEqual([]);
  });

  test.each(Object.values(handshakeClasses))("%s", (name) => {
    expect(fates[name]?.attempts).toBeGreaterThan(0);
    expect(fates[name]?.wrong).toEqual([]);
  });
});
