import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeResource, resourceGroup } from "../../../src/envoy/encode.ts";
import { joinGroups } from "../../../src/envoy/joined-group.ts";
import type { ResourceGroup } from "../../../src/envoy/resource.ts";
import { resourceTypes } from "../../../src/envoy/resource.ts";

/** Of each part whether it is there, how many clusters and endpoints it has, and a version. */
const part = fc.record({
  clusters: fc.nat({ max: 2 }),
  endpoints: fc.nat({ max: 2 }),
  version: fc.integer({ min: 1, max: 3 }),
});
const parts = fc.array(part, { maxLength: 4 }).map((all) =>
  all.map(({ clusters, endpoints, version }, index) =>
    resourceGroup([
      ...Array.from({ length: clusters }, (_, at) => {
        const name = `${index}/${at}`;
        return encodeResource("cluster", name, { name, connectTimeout: `${version}s` });
      }),
      ...Array.from({ length: endpoints }, (_, at) => {
        const clusterName = `${index}/${at}`;
        return encodeResource("endpoint", clusterName, { clusterName, policy: { overprovisioningFactor: version } });
      }),
    ]),
  ),
);

const content = ({ hash, byType }: ResourceGroup) => [hash, ...resourceTypes.map((type) => [...byType[type]])];

test("what is put together from what was before is as if there had been nothing", () => {
  fc.assert(
    fc.property(parts, parts, (first, second) => {
      const before = joinGroups(first, undefined);
      const was = JSON.stringify(content(before));
      expect(content(joinGroups(second, before))).toEqual(content(joinGroups(second, undefined)));
      expect(JSON.stringify(content(before))).toBe(was);
    }),
  );
});

test("of a type in which nothing is another all is the same value", () => {
  const group = (seconds: number) =>
    resourceGroup([
      encodeResource("cluster", "a", { name: "a", connectTimeout: `${seconds}s` }),
      encodeResource("endpoint", "a", { clusterName: "a" }),
    ]);
  const before = joinGroups([group(1)], undefined);
  const after = joinGroups([group(2)], before);
  expect(after.byType.endpoint).toBe(before.byType.endpoint);
  expect(after.byType.cluster.get("a")?.version).not.toBe(before.byType.cluster.get("a")?.version);
});

test("two of one type and name are a defect", () => {
  const group = resourceGroup([encodeResource("cluster", "a", { name: "a" })]);
  expect(() => joinGroups([group, group], undefined)).toThrow("two resources are the cluster a");
  expect(() => joinGroups([group, group], joinGroups([group], undefined))).toThrow("two resources are the cluster a");
});
