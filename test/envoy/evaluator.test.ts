/**
 * The evaluator and a real sidecar give the same verdict, by the same rule, to generated calls under generated policies:
 * requests of HTTP/1.1 and HTTP/2, and connections. `HEDDLE_SEED` repeats a run; HEDDLE_SOAK=1 makes many of them.
 */
import { describe, expect, test } from "vitest";
import { evaluatorCases } from "./evaluator-cases.ts";
import type { Differences } from "./evaluator-scenario.ts";
import { runScenario } from "./run-scenario.ts";

const isSoak = process.env["HEDDLE_SOAK"] === "1";
const given = process.env["HEDDLE_SEED"];
/** Runs differ when they are many; one alone is always the same. */
const firstSeed = given === undefined ? (isSoak ? Date.now() % 1_000_000_000 : 20_261_122) : Number(given);
const seeds = Array.from({ length: isSoak && given === undefined ? 12 : 1 }, (_, index) => firstSeed + index);
const workloads = isSoak ? 150 : 50;
const callsEach = 42;

const shares = (of: Readonly<Record<string, number>>): string => {
  const sum = Object.values(of).reduce((left, right) => left + right, 0);
  return Object.entries(of)
    .map(([name, count]) => `${name} ${((100 * count) / sum).toFixed(1)} %`)
    .join(", ");
};

/** In all runs. */
const decided = new Set<string>();

// Network namespaces and iptables need it.
describe.skipIf(process.getuid?.() !== 0)("the evaluator and a sidecar", () => {
  test.each(seeds)(
    "agree on every call (HEDDLE_SEED=%i)",
    async (seed) => {
      const { differences, cases, calls, verdicts, fields } = JSON.parse(
        await runScenario("evaluator", seed, workloads, callsEach),
      ) as Differences;
      console.log(
        `HEDDLE_SEED=${seed}: ${calls} calls\nverdicts: ${shares(verdicts)}\nfields that decided: ${shares(fields)}`,
      );
      expect(cases).toEqual([]);
      expect(differences).toEqual([]);
      for (const field of Object.keys(fields)) decided.add(field);
      // No verdict is so rare that it proves little.
      for (const word of ["allowed", "denied", "not-allowed", "mutual-tls-required"]) {
        expect(verdicts[`request: ${word}`], word).toBeGreaterThan(calls / 60);
        expect(verdicts[`connection: ${word}`], word).toBeGreaterThan(calls / 200);
      }
      expect(calls).toBeGreaterThan(workloads * callsEach + evaluatorCases.length);
    },
    600_000,
  );

  test.skipIf(given !== undefined)("and every field has decided some call", () => {
    expect([...decided]).toEqual(expect.arrayContaining([...decidingFields]));
  });
});

const negated = (name: string): string => `not${name.charAt(0).toUpperCase()}${name.slice(1)}`;
const fieldsOfRules = ["principals", "namespaces", "serviceAccounts", "ipBlocks", "hosts", "ports", "methods", "paths"];
const keys = [
  "request.headers[x-tenant]",
  "source.ip",
  "source.namespace",
  "source.principal",
  "source.serviceaccount",
];
const decidingFields = [
  ...fieldsOfRules,
  ...fieldsOfRules.map(negated),
  ...keys,
  ...["destination.ip", "destination.port", "connection.sni", "{}"],
];
