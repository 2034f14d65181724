import { expect, test } from "vitest";
import type { Kind } from "../../../src/api/kinds.ts";
import { knowledgeOf } from "../../../src/controllers/knowledge.ts";
import { createObservations } from "../../../src/controllers/observations.ts";
import { watches } from "../../../src/controllers/watches.ts";
import type { KubeClient, ListOptions, WatchOptions } from "../../../src/kube/client.ts";
import { ApiError } from "../../../src/kube/error.ts";
import { createMetrics } from "../../../src/ops/metrics.ts";

/** Watches by an API server that has nothing, and lets everything be read but this. */
async function observe(namespaces: readonly string[] | undefined, forbidden: { kind: string; namespace?: string }) {
  let refused = 0;
  const client = {
    list: async ({ kind }: Kind, { namespace }: ListOptions = {}) => {
      if (kind === forbidden.kind && namespace === forbidden.namespace) {
        refused += 1;
        throw new ApiError({ status: 403, reason: "Forbidden", message: "no", object: kind, class: "forbidden" });
      }
      return { items: [], resourceVersion: "1" };
    },
    watch: (_kind: Kind, { signal, onOpen }: WatchOptions) => {
      onOpen?.();
      return new Promise((resolve) => signal?.addEventListener("abort", () => resolve(undefined)));
    },
    get: async () => ({ metadata: {} }),
  } as unknown as KubeClient;
  const observations = createObservations({
    client,
    watches,
    namespaces,
    onChange: () => {},
    onProgress: () => {},
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    metrics: createMetrics(),
  });
  observations.start();
  const others = watches.filter(({ kind, onDemand }) => kind !== forbidden.kind && onDemand !== true);
  await expect.poll(() => others.every(({ kind }) => observations.isSynced(kind))).toBe(true);
  // Whatever the first refusal led to is there when it has asked again.
  await expect.poll(() => refused, { timeout: 10_000 }).toBeGreaterThan(1);
  const seen = { knowledge: knowledgeOf(observations), isManaged: observations.isManaged("shop") };
  await observations.stop();
  return seen;
}

const namespaces = ["heddle-system", "shop", "other"];

test.each([{ given: undefined }, { given: namespaces }])(
  "policies that may not be read are none that are not there: namespaces $given",
  async ({ given }) => {
    expect(await observe(given, { kind: "AuthorizationPolicy" })).toMatchObject({ knowledge: "identities" });
    expect(await observe(given, { kind: "Pod" })).toMatchObject({ knowledge: "nothing" });
  },
);

test("a namespace whose Role is gone keeps nobody else waiting; the operator's own does", async () => {
  expect(await observe(namespaces, { kind: "Secret", namespace: "shop" })).toEqual({
    knowledge: "everything",
    isManaged: false,
  });
  expect(await observe(namespaces, { kind: "Secret", namespace: "heddle-system" })).toEqual({
    knowledge: "nothing",
    isManaged: true,
  });
});
