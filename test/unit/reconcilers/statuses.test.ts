import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findingCodes, reasons } from "../../../src/api/conditions.ts";
import { compile } from "../../../src/reconcilers/compile.ts";
import { compileObjects, goldenCases } from "../../support/golden.ts";
import { expectedKstatus, type Kstatus, kstatusOf } from "../../support/kstatus.ts";
import { type Moment, momentsOf } from "../../support/moments.ts";
import { clusterOf, meshTLS, testSettings } from "../../support/objects.ts";
import { brokenInvariants } from "../../support/status-invariants.ts";

/** A mesh whose identities cannot be had. */
const withoutIdentities = (kind: "Secret" | "Certificate"): readonly Moment[] => {
  const wanted = meshTLS("heddle-system/default", { mode: "Strict" });
  const identityFaults = [{ key: "shop/heddle-identity-cart", kind, message: "It cannot be used." }];
  return momentsOf(compile({ ...clusterOf([wanted]), identityFaults }, testSettings));
};

const moments: readonly Moment[] = [
  ...goldenCases().flatMap(({ name, objects }) =>
    momentsOf(compileObjects(objects)).map((moment) => ({ ...moment, moment: `${name}: ${moment.moment}` })),
  ),
  ...withoutIdentities("Secret"),
  ...withoutIdentities("Certificate"),
];

/** Of what takes too much to be a golden case: the test that brings it about. */
const elsewhere = {
  reasons: new Map([["TooLarge", "record-limit.test.ts"]]),
  codes: new Map([["NotRecorded", "record-limit.test.ts"]]),
} as const;

describe("every word of a status is said of some object in the tests:", () => {
  const sorted = (words: readonly string[]): readonly string[] => [...new Set(words)].sort();

  const demandElsewhere = (words: ReadonlyMap<string, string>): readonly string[] => {
    for (const [word, file] of words)
      expect(readFileSync(join(import.meta.dirname, file), "utf8")).toContain(`"${word}"`);
    return [...words.keys()];
  };

  test("reasons", () => {
    const found = moments.flatMap(({ status }) => status.conditions.map(({ reason }) => reason));
    expect(sorted([...found, ...demandElsewhere(elsewhere.reasons)])).toEqual(Object.keys(reasons).sort());
  });

  test("codes of findings", () => {
    const found = moments.flatMap(({ status }) => (status.findings ?? []).map(({ code }) => code));
    expect(sorted([...found, ...demandElsewhere(elsewhere.codes)])).toEqual(Object.keys(findingCodes).sort());
  });
});

test("every status holds together, at every moment", () => {
  for (const { moment, object, generation, status } of moments)
    expect(brokenInvariants(status, generation), `${moment}: ${object}`).toEqual([]);
});

describe("kstatus agrees with Ready", () => {
  test("at every moment, and says Failed exactly when a user must edit something", () => {
    const counts = new Map<Kstatus, number>();
    for (const { moment, object, generation, status } of moments) {
      const seen = { metadata: { generation }, status };
      const verdict = kstatusOf(seen);
      expect(verdict, `${moment}: ${object}`).toBe(expectedKstatus(seen));
      counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(["Current", "Failed", "InProgress"]);
  });

  test("before the operator has seen an object, and after somebody has edited it", () => {
    for (const { generation, status } of moments) {
      const edited = { metadata: { generation: generation + 1 }, status };
      expect([kstatusOf(edited), expectedKstatus(edited)]).toEqual(["InProgress", "InProgress"]);
    }
    // The schema's default.
    const applied = { metadata: { generation: 1 }, status: { observedGeneration: -1 } };
    expect([kstatusOf(applied), expectedKstatus(applied)]).toEqual(["InProgress", "InProgress"]);
  });
});
