/** What holds of every set of policies and every call, whatever they are. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AuthorizationPolicySpec } from "../../../src/api/generated/AuthorizationPolicy.ts";
import type { Call } from "../../../src/policy/call.ts";
import type { JudgingWorkload, Verdict } from "../../../src/policy/evaluate.ts";
import { evaluate } from "../../../src/policy/evaluate.ts";
import { readPolicy } from "../../../src/reconcilers/authorization-rules.ts";
import { identityOf, meshPolicy } from "../../support/mesh-samples.ts";
import { authorizationPolicy } from "../../support/objects.ts";
import { applicationPorts, callTo, policySpec } from "../../support/policy-arbitraries.ts";
import type { GivenPolicy } from "../../support/policy-world.ts";
import { compileWorkloads } from "../../support/policy-world.ts";

const address = "10.1.0.1";
const numRuns = 300;

const policies = fc
  .array(fc.tuple(fc.constantFrom("shop", "heddle-system"), policySpec), { maxLength: 4 })
  .map((specs) => specs.map(([namespace, spec], index): GivenPolicy => ({ key: `${namespace}/p${index}`, spec })));
const calls = fc.array(callTo(address), { minLength: 6, maxLength: 6 });

/** The workload that these policies are for, read as the compile does. */
function workloadOf(given: readonly GivenPolicy[]): JudgingWorkload {
  const read = given.map(({ key, spec }) => {
    const { action, isDryRun, rules } = readPolicy(spec, key.split("/")[0] ?? "");
    return { action, isDryRun, ...meshPolicy(key, rules) };
  });
  const of = (action: "ALLOW" | "DENY") => read.filter((policy) => policy.action === action && !policy.isDryRun);
  return {
    identity: identityOf("shop", "checkout"),
    ports: [
      { port: applicationPorts.http, protocol: "http", mode: "Permissive" },
      { port: applicationPorts.http2, protocol: "grpc", mode: "Permissive" },
      { port: applicationPorts.tcp, protocol: "tcp", mode: "Permissive" },
      { port: applicationPorts.serverFirst, protocol: "tcp", mode: "Permissive", serverFirst: true },
    ],
    mode: "Permissive",
    deny: of("DENY"),
    allow: of("ALLOW").length === 0 ? undefined : of("ALLOW"),
    dryRuns: read.filter(({ isDryRun }) => isDryRun),
  };
}

/** What becomes of calls to a workload of these policies. */
const verdicts = (given: readonly GivenPolicy[], made: readonly Call[]): Verdict[] =>
  made.map((call) => evaluate(workloadOf(given), call).verdict);

const allowed = (of: readonly Verdict[]): boolean[] => of.map((verdict) => verdict.allowed);

/** No call passes that did not before. */
function expectNotWider(after: readonly Verdict[], before: readonly Verdict[]): void {
  const widened = after.flatMap((verdict, index) =>
    verdict.allowed && before[index]?.allowed !== true ? [index] : [],
  );
  expect(widened).toEqual([]);
}

const added = (spec: AuthorizationPolicySpec): GivenPolicy => ({ key: "shop/added", spec });

describe("adding", () => {
  test("a policy of another workload, or of another namespace, changes nothing", () => {
    const elsewhere = fc.constantFrom(
      { key: "shop/added", app: "b" },
      { key: "store/added", app: "a" },
      { key: "store/added" },
    );
    fc.assert(
      fc.property(policies, calls, policySpec, elsewhere, (given, made, spec, { key, app }) => {
        const selector = app === undefined ? {} : { selector: { matchLabels: { app } } };
        const other = authorizationPolicy(key, { ...spec, ...selector });
        const workload = { name: "a", address, policies: given };
        const judged = compileWorkloads([workload]).classOf("a");
        expect(compileWorkloads([workload], [other]).classOf("a")).toEqual(judged);
        // And the compile finds of the workload what these tests take for it.
        expect(made.map((call) => evaluate(judged, call).verdict)).toEqual(verdicts(given, made));
      }),
      { numRuns: 40 },
    );
  });

  test("a DENY never widens access, and neither does the first ALLOW", () => {
    let narrowed = 0;
    fc.assert(
      fc.property(policies, calls, policySpec, (given, made, spec) => {
        if (spec.action !== "DENY" && given.some((policy) => policy.spec.action !== "DENY")) return;
        const before = verdicts(given, made);
        const after = verdicts([...given, added(spec)], made);
        expectNotWider(after, before);
        if (allowed(after).join() !== allowed(before).join()) narrowed++;
      }),
      { numRuns },
    );
    expect(narrowed).toBeGreaterThan(numRuns / 20);
  });

  test("an ALLOW to others never narrows it, but on a port whose server speaks first and cannot judge it", () => {
    fc.assert(
      fc.property(policies, calls, policySpec, (given, made, spec) => {
        if (spec.action === "DENY" || !given.some((policy) => policy.spec.action !== "DENY")) return;
        const judged = made.filter(({ destination }) => destination.port !== applicationPorts.serverFirst);
        expectNotWider(verdicts(given, judged), verdicts([...given, added(spec)], judged));
      }),
      { numRuns },
    );
  });

  test("a dry run changes no verdict, and tells what it would do alone", () => {
    fc.assert(
      fc.property(policies, calls, policySpec, (given, made, spec) => {
        const dry = added({ ...spec, enforcement: "DryRun" });
        expect(verdicts([...given, dry], made)).toEqual(verdicts(given, made));
        const alone = verdicts([added(spec)], made);
        for (const [index, call] of made.entries()) {
          const [counted] = evaluate(workloadOf([...given, dry]), call).dryRuns;
          if (call.destination.port === applicationPorts.serverFirst) continue;
          if (counted !== undefined) expect(counted.allowed).toBe(alone[index]?.allowed);
        }
      }),
      { numRuns },
    );
  });
});

test("renaming policies, and their order, change no verdict", () => {
  fc.assert(
    fc.property(policies, calls, (given, made) => {
      const renamed = given
        .map(({ key, spec }, index) => ({ key: key.replace(/p\d$/, `z${9 - index}`), spec }))
        .reverse();
      const reasonOf = (verdict: Verdict): string => (verdict.allowed ? "allowed" : verdict.because);
      expect(verdicts(renamed, made).map(reasonOf)).toEqual(verdicts(given, made).map(reasonOf));
    }),
    { numRuns },
  );
});

test("two sources, and two operations, of one rule are as good as rules of their own", () => {
  fc.assert(
    fc.property(policies, calls, (given, made) => {
      // Of a connection a whole rule of ALLOW falls with one HTTP field.
      const judged = made.filter(({ request }) => request !== undefined);
      const apart = given.map((policy) => {
        const rules = policy.spec.rules?.flatMap((rule) =>
          (rule.from?.map((one) => [one]) ?? [undefined]).flatMap((from) =>
            (rule.to?.map((one) => [one]) ?? [undefined]).map((to) => ({
              ...(from === undefined ? {} : { from }),
              ...(to === undefined ? {} : { to }),
              ...(rule.when === undefined ? {} : { when: rule.when }),
            })),
          ),
        );
        return { ...policy, spec: { ...policy.spec, ...(rules === undefined ? {} : { rules }) } };
      });
      expect(allowed(verdicts(apart, judged))).toEqual(allowed(verdicts(given, judged)));
    }),
    { numRuns },
  );
});

describe("exact names", () => {
  const call = (identity: string): Call => ({
    caller: { speaks: "mutual-tls", identity },
    source: "10.0.0.2",
    destination: { address, port: applicationPorts.tcp },
  });
  const name = fc.stringMatching(/^[a-z]([-a-z.]{0,8}[a-z])?$/);

  test("with dots match only themselves", () => {
    fc.assert(
      fc.property(name, name, fc.constantFrom("x", "-", "", "..", "/"), (exact, other, instead) => {
        const others = [other, exact.replace(".", instead), `${exact}.`, `${exact}x`, `x${exact}`, exact.slice(1)];
        const identity = (of: string) => `cluster.local/ns/shop/sa/${of}`;
        for (const source of [{ serviceAccounts: [exact] }, { principals: [identity(exact)] }]) {
          const made = [exact, ...others].map((of) => call(`spiffe://${identity(of)}`));
          const expected = [exact, ...others].map((of) => of === exact);
          expect(allowed(verdicts([added({ rules: [{ from: [{ source }] }] })], made))).toEqual(expected);
          const denying = added({ action: "DENY", rules: [{ from: [{ source }] }] });
          expect(allowed(verdicts([denying], made))).toEqual(expected.map((is) => !is));
        }
      }),
      { numRuns },
    );
  });
});

test("an ALLOW that names nobody allows nobody", () => {
  fc.assert(
    fc.property(calls, (made) => {
      expect(allowed(verdicts([added({})], made))).not.toContain(true);
      const { allow = [], ...workload } = workloadOf([added({})]);
      const rule = { sources: [{ serviceAccounts: { any: [] } }], operations: [] };
      const empty = { ...workload, allow: allow.map((policy) => ({ ...policy, rules: [rule] })) };
      for (const call of made) expect(evaluate(empty, call).verdict.allowed).toBe(false);
    }),
  );
});
