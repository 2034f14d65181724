import { beforeAll, describe, expect, test } from "vitest";
import { runScenario } from "./run-scenario.ts";
import type { LogLine } from "./sidecar-world.ts";

/** What `access-log-scenario.ts` prints: the lines of each call, by setting, sidecar and call. */
type Seen = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, readonly LogLine[]>>>>>>;

let printed = "";
let seen: Seen = {};

// Network namespaces and iptables need it.
describe.skipIf(process.getuid?.() !== 0)("the access log of a sidecar", () => {
  beforeAll(async () => {
    printed = await runScenario("access-log");
    seen = JSON.parse(printed) as Seen;
  }, 120_000);

  const lines = (setting: string, sidecar: string, call: string) => seen[setting]?.[sidecar]?.[call];
  const frontend = "spiffe://cluster.local/ns/shop/sa/frontend";
  const stranger = "spiffe://cluster.local/ns/other/sa/stranger";
  const absent = (line: LogLine | undefined, ...fields: readonly string[]): void => {
    for (const field of fields) expect(line).not.toHaveProperty(field);
  };

  describe.each(["all", "errors"])("%s", (setting) => {
    test("a connection that Strict refuses, and one with a certificate of another authority", () => {
      expect(lines(setting, "strict", "plaintext")).toEqual([
        expect.objectContaining({ response_flags: "NR", downstream_local_address: "10.0.0.1:8080" }),
      ]);
      const [foreign, ...others] = lines(setting, "strict", "foreign") ?? [];
      expect(others).toEqual([]);
      expect(foreign?.["downstream_transport_failure_reason"]).toContain("CERTIFICATE_VERIFY_FAILED");
      // An identity that nobody verified is not told.
      absent(foreign, "source_principal");
    });

    test("each verdict names the rule that decided", () => {
      expect(lines(setting, "judged", "denied")).toEqual([
        expect.objectContaining({
          response_code: 403,
          deny_policy: "shop/no-admin/0",
          response_code_details: "rbac_access_denied_matched_policy[shop/no-admin/0]",
          source_principal: frontend,
          path: "/admin",
        }),
      ]);
      const none = { response_code: 403, response_code_details: "rbac_access_denied_matched_policy[none]" };
      const [notAllowed] = lines(setting, "judged", "notAllowed") ?? [];
      expect(notAllowed).toMatchObject({ ...none, source_principal: stranger });
      absent(notAllowed, "allow_policy", "deny_policy");
      const [plaintext] = lines(setting, "judged", "plaintext") ?? [];
      expect(plaintext).toMatchObject(none);
      absent(plaintext, "source_principal");
    });

    test("a refused TCP connection names the rule too", () => {
      expect(lines(setting, "judged", "deniedTCP")).toEqual([
        expect.objectContaining({
          connection_termination_details: "rbac_access_denied_matched_policy[shop/no-database/0]",
          source_principal: frontend,
        }),
      ]);
      expect(lines(setting, "judged", "notAllowedTCP")).toEqual([
        expect.objectContaining({
          connection_termination_details: "rbac_access_denied_matched_policy[none]",
          source_principal: stranger,
        }),
      ]);
    });

    test("what callers write stays within its field", () => {
      const [hostile, ...others] = lines(setting, "strict", "hostilePath") ?? [];
      expect(others).toEqual([]);
      expect(hostile).toMatchObject({ direction: "inbound", authority: "a,b", response_code: 400 });
      expect(String(hostile?.["path"])).toContain("forged");
      expect(String(hostile?.["request_id"])).toMatch(/^"\}.*\\$/);
      expect(lines(setting, "strict", "notHTTP")).toEqual([expect.objectContaining({ response_code: 400 })]);
    });
  });

  test("what succeeds is logged by 'all' only, with its peer and the rule that allowed it", () => {
    expect(lines("all", "strict", "served")).toEqual([
      expect.objectContaining({
        direction: "inbound",
        method: "GET",
        path: "/ok",
        protocol: "HTTP/1.1",
        response_code: 200,
        response_flags: "-",
        request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        start_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        duration: expect.any(Number),
        bytes_sent: expect.any(Number),
        upstream_cluster: "inbound",
        upstream_host: "10.0.0.1:8080",
        source_principal: frontend,
      }),
    ]);
    expect(lines("all", "strict", "tcp")).toEqual([
      expect.objectContaining({ downstream_local_address: "10.0.0.1:3306", source_principal: frontend }),
    ]);
    const [allowed] = lines("all", "judged", "allowed") ?? [];
    expect(allowed).toMatchObject({ response_code: 200, allow_policy: "shop/frontend-only/1" });
    absent(allowed, "deny_policy");
    for (const [sidecar, call] of [
      ["strict", "served"],
      ["strict", "tcp"],
      ["judged", "allowed"],
    ] as const)
      expect(lines("errors", sidecar, call)).toEqual([]);
  });

  test("a 503 of the client's side says why", () => {
    expect(lines("outbound", "errors", "80")).toEqual([]);
    for (const [port, cluster] of [
      ["81", "unavailable-missing-backend"],
      ["82", "unavailable-no-weight"],
      ["84", "unavailable-missing-port"],
      ["85", "outbound/shop/checkout/85"],
    ] as const) {
      expect(lines("outbound", "errors", port)).toEqual([
        expect.objectContaining({
          direction: "outbound",
          response_code: 503,
          response_flags: "UH",
          upstream_cluster: cluster,
        }),
      ]);
    }
    const [wrongServer] = (lines("outbound", "errors", "83") ?? []).filter((line) => line["direction"] === "outbound");
    expect(wrongServer).toMatchObject({ response_code: 503, upstream_cluster: "outbound/shop/checkout/83" });
    expect(wrongServer?.["upstream_transport_failure_reason"]).toContain("SAN_matcher");
  });

  test("no query, cookie or credential is in any line", () => {
    expect(printed).toContain("spiffe://");
    expect(printed).not.toContain("in-the-");
  });
});
