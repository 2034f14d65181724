import { describe, expect, test } from "vitest";
import { configMapOfClass } from "../../../src/model/sidecar.ts";
import { isInjected, mountedClass, workloadClassId, workloadTraits } from "../../../src/model/workload.ts";

const idOf = (serviceAccountName: string): string =>
  workloadClassId(
    workloadTraits({ metadata: { name: "a" }, spec: { serviceAccountName, containers: [{ name: "app" }] } }, "shop"),
  );

describe("the id of a class", () => {
  test.each([
    ["a short name", "cart", "cart"],
    ["the longest name", "a".repeat(253), "a".repeat(200)],
    ["a dot at the cut", `${"a".repeat(199)}.${"b".repeat(50)}`, "a".repeat(199)],
    ["a dash at the cut", `${"a".repeat(199)}-${"b".repeat(50)}`, "a".repeat(199)],
    ["dashes and more before the cut", `${"a".repeat(190)}---------.${"b".repeat(9)}`, "a".repeat(190)],
    ["a dot just behind the cut", `${"a".repeat(200)}.${"b".repeat(20)}`, "a".repeat(200)],
  ])("of %s is a part of the name and 10 hexadecimal digits", (_what, name, kept) => {
    const id = idOf(name);
    expect(id.slice(0, -11)).toBe(kept);
    expect(id.slice(-11)).toMatch(/^-[0-9a-f]{10}$/);
    // RFC 1123: what an object may be called.
    expect(configMapOfClass(id)).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
    expect(configMapOfClass(id).length).toBeLessThanOrEqual(253);
  });

  test("tells ServiceAccounts apart that are the same up to the cut", () => {
    expect(idOf(`${"a".repeat(220)}b`)).not.toBe(idOf(`${"a".repeat(220)}c`));
  });
});

describe("whether a pod is injected, and what it mounts", () => {
  const containers = [{ name: "app" }];
  const sidecar = { name: "heddle-proxy", restartPolicy: "Always" };
  const mount = (configMap: object) => [{ name: "heddle-configuration", ...configMap }];

  test.each([
    ["its sidecar", { containers, initContainers: [sidecar] }, true],
    ["none", { containers }, false],
    ["an init container of that name, which ends", { containers, initContainers: [{ name: "heddle-proxy" }] }, false],
    ["a container of that name", { containers: [{ name: "heddle-proxy" }] }, false],
  ])("with %s", (_what, spec, expected) => {
    expect(isInjected({ spec })).toBe(expected);
  });

  test.each([
    ["the ConfigMap of a class", mount({ configMap: { name: "heddle-cart-0123456789" } }), "cart-0123456789"],
    ["another ConfigMap", mount({ configMap: { name: "cart" } }), undefined],
    ["something else by that name", mount({ emptyDir: {} }), undefined],
    ["another volume", [{ name: "data", configMap: { name: "heddle-cart-0123456789" } }], undefined],
    ["nothing", undefined, undefined],
  ])("%s", (_what, volumes, expected) => {
    expect(mountedClass({ spec: { containers, ...(volumes === undefined ? {} : { volumes }) } })).toBe(expected);
  });
});
