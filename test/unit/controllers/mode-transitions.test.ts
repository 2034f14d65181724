import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ModeTransitions } from "../../../src/controllers/mode-transitions.ts";
import { nextTransitions, noTransitions, sameHolds, stepBound } from "../../../src/controllers/mode-transitions.ts";
import type { TLSMode } from "../../../src/model/mesh.ts";
import type { WorkloadTLS } from "../../../src/reconcilers/mesh-tls.ts";
import { clientsSpeakTLS, heldModes } from "../../../src/reconcilers/mesh-tls.ts";

const modes: readonly TLSMode[] = ["Strict", "Permissive", "Disabled"];
const tlsOf = (mode: TLSMode, ports: Readonly<Record<number, TLSMode>> = {}): WorkloadTLS => ({
  mode,
  ports: Object.entries(ports).map(([port, ofPort]) => ({ port: Number(port), protocol: "http", mode: ofPort })),
  parameters: {},
  origins: [],
});
const mesh = (tls: WorkloadTLS): ReadonlyMap<string, WorkloadTLS> => new Map([["a", tls]]);
const always = (): boolean => true;
const never = (): boolean => false;

/** What is published for port 1. */
function published(tls: WorkloadTLS, { holds }: ModeTransitions): string {
  const { ports, mode } = heldModes(tls, holds.get("a"));
  const server = ports.find(({ port }) => port === 1)?.mode ?? mode;
  return `${server}, clients ${clientsSpeakTLS(tls, 1, holds.get("a")) ? "TLS" : "plaintext"}`;
}

/** What is published one after another when all is acknowledged at once. */
function steps(from: WorkloadTLS, to: WorkloadTLS): string[] {
  const seen: string[] = [];
  let transitions = nextTransitions(noTransitions, mesh(from), mesh(to), never, 0);
  seen.push(published(to, transitions));
  for (let turn = 0; transitions.journeys.size > 0; turn++) {
    transitions = nextTransitions(transitions, mesh(to), mesh(to), always, 0);
    if (seen.at(-1) !== published(to, transitions)) seen.push(published(to, transitions));
    expect(turn).toBeLessThan(5);
  }
  return seen;
}

describe("a change of mode", () => {
  test.each<[TLSMode, TLSMode, string[]]>([
    ["Permissive", "Strict", ["Strict, clients TLS"]],
    ["Strict", "Permissive", ["Permissive, clients TLS"]],
    ["Permissive", "Disabled", ["Disabled, clients plaintext"]],
    ["Disabled", "Permissive", ["Permissive, clients TLS"]],
    ["Disabled", "Strict", ["Permissive, clients TLS", "Strict, clients TLS"]],
    ["Strict", "Disabled", ["Permissive, clients TLS", "Disabled, clients plaintext"]],
  ])("from %s to %s", (from, to, expected) => {
    expect(steps(tlsOf(from), tlsOf(to))).toEqual(expected);
    expect(steps(tlsOf("Permissive", { 1: from }), tlsOf("Permissive", { 1: to }))).toEqual(expected);
    // A port gets a mode of its own, or loses it.
    expect(steps(tlsOf(from), tlsOf(from, { 1: to }))).toEqual(expected);
    expect(steps(tlsOf(to, { 1: from }), tlsOf(to))).toEqual(expected);
  });

  test("of one port leaves the others alone", () => {
    const to = tlsOf("Strict", { 1: "Strict", 2: "Disabled" });
    const { holds } = nextTransitions(
      noTransitions,
      mesh(tlsOf("Strict", { 1: "Disabled", 2: "Disabled" })),
      mesh(to),
      never,
      0,
    );
    expect([...(holds.get("a")?.keys() ?? [])]).toEqual([1]);
    expect(heldModes(to, holds.get("a"))).toEqual({
      mode: "Strict",
      ports: tlsOf("Strict", { 1: "Permissive", 2: "Disabled" }).ports,
    });
  });

  test("waits for its acknowledgements, and no longer than the bound", () => {
    const to = tlsOf("Strict");
    const begun = nextTransitions(noTransitions, mesh(tlsOf("Disabled")), mesh(to), never, 1000);
    expect(begun.deadline).toBe(1000 + stepBound);
    const waiting = nextTransitions(begun, mesh(to), mesh(to), never, 1000 + stepBound - 1);
    expect(published(to, waiting)).toBe("Permissive, clients TLS");
    const late = nextTransitions(waiting, mesh(to), mesh(to), never, 1000 + stepBound);
    expect(published(to, late)).toBe("Strict, clients TLS");
    expect(nextTransitions(late, mesh(to), mesh(to), never, 1000 + 2 * stepBound)).toEqual(noTransitions);
  });

  test("holds nothing of a class that is new or gone, nor after a restart", () => {
    const after = mesh(tlsOf("Strict"));
    expect(nextTransitions(noTransitions, undefined, after, never, 0)).toEqual(noTransitions);
    expect(nextTransitions(noTransitions, new Map(), after, never, 0)).toEqual(noTransitions);
    const begun = nextTransitions(noTransitions, mesh(tlsOf("Disabled")), after, never, 0);
    expect(nextTransitions(begun, after, new Map(), never, 0)).toEqual(noTransitions);
  });

  test("costs a second compile only where something is held", () => {
    const strict = mesh(tlsOf("Strict"));
    const quick = nextTransitions(noTransitions, mesh(tlsOf("Permissive")), strict, never, 0);
    expect(sameHolds(quick.holds, noTransitions.holds)).toBe(true);
    const held = nextTransitions(noTransitions, mesh(tlsOf("Disabled")), strict, never, 0);
    expect(sameHolds(held.holds, noTransitions.holds)).toBe(false);
    expect(sameHolds(held.holds, nextTransitions(held, strict, strict, never, 1).holds)).toBe(true);
  });
});

describe("however proxies lag and users change their minds", () => {
  const accepted: Readonly<Record<string, readonly string[]>> = {
    Strict: ["TLS"],
    Permissive: ["TLS", "plaintext"],
    Disabled: ["TLS", "plaintext"],
  };
  const event = fc.oneof(
    { weight: 1, arbitrary: fc.record({ mode: fc.constantFrom(...modes) }) },
    { weight: 6, arbitrary: fc.record({ proxy: fc.integer({ min: 0, max: 4 }) }) },
  );

  test("no server ever refuses what a client speaks, and all arrive", () => {
    fc.assert(
      fc.property(fc.constantFrom(...modes), fc.array(event, { maxLength: 60 }), (first, events) => {
        let tls = tlsOf(first);
        let transitions = noTransitions;
        const read = (): string[] => published(tls, transitions).split(", clients ");
        let sent = read();
        // Two servers and three clients, each with what it took last.
        const proxies = Array.from({ length: 5 }, () => sent);
        const isTaken = (): boolean => proxies.every((has) => has.join() === sent.join());
        const pass = (next: WorkloadTLS): void => {
          transitions = nextTransitions(transitions, mesh(tls), mesh(next), isTaken, 0);
          tls = next;
          sent = read();
        };
        const take = (proxy: number): void => {
          proxies[proxy] = sent;
          for (const [server = ""] of proxies.slice(0, 2)) {
            for (const [, speech = ""] of proxies.slice(2)) expect(accepted[server]).toContain(speech);
          }
          if (isTaken()) pass(tls);
        };
        for (const what of events) {
          if ("mode" in what) pass(tlsOf(what.mode));
          else take(what.proxy);
        }
        for (let round = 0; round < 4; round++) for (const proxy of proxies.keys()) take(proxy);
        expect(transitions).toEqual(noTransitions);
        expect(sent[0]).toBe(tls.mode);
      }),
      { numRuns: 500 },
    );
  });
});
