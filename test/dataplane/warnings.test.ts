/** Warnings by the operator that runs, through its Service and with the caBundle that it keeps. */
import { afterEach, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import { until } from "../../tools/processes.ts";
import { useMesh } from "./mesh.ts";

const mesh = useMesh();

afterEach(async () => {
  await mesh().remove("authorizationpolicies.heddle.dev", "shop", "warned");
  await mesh().settle();
});

const policy = (spec: string): string =>
  `apiVersion: heddle.dev/v1alpha1\nkind: AuthorizationPolicy\nmetadata: {name: warned, namespace: shop}\nspec: ${spec}\n`;

/** What kubectl warns of; nothing is stored unless asked for. */
async function warningsOf(spec: string, flags: readonly string[] = ["--dry-run=server"]): Promise<string> {
  const result = await mesh().cluster.kubectl(["apply", ...flags, "-f", "-"], policy(spec));
  if (result.status !== 0) throw new Error(result.stderr);
  return result.stderr;
}

test("kubectl apply warns by the mesh as it is: of a workload that becomes closed, until it is", async () => {
  const allow = "{selector: {matchLabels: {app: cart}}, rules: [{from: [{source: {serviceAccounts: [frontend]}}]}]}";
  const closes = /Warning: No other ALLOW policy applies to the workload of pod shop\/cart-/;
  // The API server goes on without the webhook until it has the caBundle.
  await until("the warning", async () => closes.test(await warningsOf(allow)), { timeout: 30_000 });
  expect(await warningsOf(allow, [])).toMatch(closes);
  await mesh().waitProgrammed(kinds.AuthorizationPolicy, "shop", "warned");
  expect(await warningsOf(allow.replace("frontend", "checkout"))).toBe("");
});

test("a DENY by identity is warned of where plaintext is accepted", async () => {
  const deny =
    "{action: DENY, selector: {matchLabels: {app: cart}}, rules: [{from: [{source: {serviceAccounts: [x]}}]}]}";
  const warned = /Warning: spec\.rules\[0\]\.from\[0\]\.source\.serviceAccounts: Callers in plaintext/;
  await until("the warning", async () => warned.test(await warningsOf(deny)), { timeout: 30_000 });
});
