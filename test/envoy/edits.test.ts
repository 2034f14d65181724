import { describe, expect, test } from "vitest";
import type { Answers } from "./edits-scenario.ts";
import { runScenario } from "./run-scenario.ts";

// Network namespaces and iptables need it.
describe.skipIf(process.getuid?.() !== 0)("B10 an edit of policies (GHSA-68mj-9pjq-mc85, GO-2023-1644)", () => {
  test("lets nobody in for a moment, again and again", async () => {
    const answers = JSON.parse(await runScenario("edits")) as Answers;
    expect(Object.keys(answers["forbidden request"] ?? {})).toEqual(["403"]);
    expect(Object.keys(answers["forbidden connection"] ?? {})).toEqual(["reset"]);
    // Who may call is served all the while, and the last edit is in force.
    expect(Object.keys(answers["request"] ?? {})).toEqual(["200"]);
    expect(answers["last"]).toEqual({ 403: 1 });
    for (const name of ["forbidden request", "forbidden connection", "request"]) {
      const tries = Object.values(answers[name] ?? {}).reduce((sum, count) => sum + count, 0);
      expect(tries, name).toBeGreaterThan(40);
    }
  }, 300_000);
});
