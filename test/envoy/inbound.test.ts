import { beforeAll, describe, expect, test } from "vitest";
import { runScenario } from "./run-scenario.ts";

/** What `inbound-scenario.ts` prints. */
interface Seen {
  readonly versions: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly denied: Readonly<Record<string, unknown>>;
}

// Network namespaces and iptables need it.
describe.skipIf(process.getuid?.() !== 0)("the inbound side with real callers", () => {
  let seen: Seen = { versions: {}, denied: {} };
  beforeAll(async () => {
    seen = JSON.parse(await runScenario("inbound")) as Seen;
  }, 120_000);

  const in13 = "TLSv1.3 TLS_AES_256_GCM_SHA384";
  const aes128 = "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256";
  const aes256 = "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384";
  const chacha20 = "TLSv1.2 ECDHE-ECDSA-CHACHA20-POLY1305";
  const never = { only11: "refused", mac: "refused" };
  const refused = "refused";

  test("negotiates TLS 1.2 and 1.3 where nothing is said", () => {
    const expected = { ...never, any: in13, only13: in13, only12: aes128, aes128, aes256, chacha20 };
    expect(seen.versions["default"]).toEqual(expected);
  });

  test("negotiates nothing below the oldest version and nothing above the newest", () => {
    const no12 = { only12: refused, aes128: refused, aes256: refused, chacha20: refused };
    expect(seen.versions["min13"]).toEqual({ ...never, ...no12, any: in13, only13: in13 });
    const no13 = { only13: refused };
    expect(seen.versions["max12"]).toEqual({
      ...never,
      ...no13,
      any: aes128,
      only12: aes128,
      aes128,
      aes256,
      chacha20,
    });
  });

  test("takes a list of suites for TLS 1.2, and leaves 1.3 alone", () => {
    const others = { aes128: refused, chacha20: refused };
    const expected = { ...never, ...others, any: in13, only13: in13, only12: aes256, aes256 };
    expect(seen.versions["suite"]).toEqual(expected);
  });

  test("of a TCP port a denied caller reads nothing, silent or not, and the application is not connected to", () => {
    const denied = { readInSilence: "silence", readAfterSpeaking: "reset", connections: 0 };
    expect(seen.denied).toEqual({
      // Judged once it has spoken: a port whose server speaks first is to be declared as such.
      frontend: { readInSilence: "silence", readAfterSpeaking: "hello\n", connections: 1 },
      stranger: denied,
      plaintext: denied,
      applicationTLS: { ...denied, readInSilence: "reset" },
    });
  });
});
