import { afterAll, describe, expect, test } from "vitest";
import type { Load } from "../../tools/demo/mesh.ts";
import { useMesh } from "./mesh.ts";
import { call, expectRefused, expectStatus } from "./support.ts";

const mesh = useMesh();
const url = "http://cart.shop/";
const frontend = "spiffe://cluster.local/ns/shop/sa/frontend";

type Mode = "Strict" | "Permissive" | "Disabled";
/** All six changes from one mode to another. */
const modes: readonly Mode[] = ["Permissive", "Strict", "Disabled", "Permissive", "Disabled", "Strict", "Permissive"];

const object = (mode: Mode): string =>
  `apiVersion: heddle.dev/v1alpha1\nkind: MeshTLS\nmetadata: {name: modes, namespace: shop}\nspec: {selector: {matchLabels: {app: cart}}, mode: ${mode}}\n`;

afterAll(async () => {
  await mesh().remove("meshtls.heddle.dev", "shop", "modes");
  await mesh().settle();
});

describe("every change from one mode to another, under load", () => {
  const loads: Load[] = [];
  test("begins with a load of kept and of fresh connections", async () => {
    await mesh().applyAndWait(object("Permissive"), 90);
    loads.push(await mesh().load("shop", "frontend", url, { rate: 100 }));
    loads.push(await mesh().load("shop", "frontend", url, { rate: 40, fresh: true }));
  });

  test.each(modes.slice(1).map((to, index) => [modes[index], to] as const))("from %s to %s", async (_from, to) => {
    await mesh().applyAndWait(object(to), 90);
    // A caller in plaintext is let in or refused right after, and mesh callers speak as the mode has it.
    if (to === "Strict") await expectRefused(mesh(), "visitor", url, { count: 5 });
    else await expectStatus(mesh(), "visitor", url, 200, { count: 5, fresh: true });
    if (to === "Disabled") await expectStatus(mesh(), "frontend", url, 200);
    const ofMesh = await expectStatus(mesh(), "frontend", url, 200, { fresh: true });
    if (to !== "Disabled") expect(ofMesh.peers).toEqual({ [frontend]: 10 });
    else
      await expect
        .poll(async () => (await call(mesh(), "frontend", url)).peers, { timeout: 10_000 })
        .toEqual({ none: 10 });
  });

  test("loses no request", async () => {
    for (const report of await Promise.all(loads.map((load) => load.finish()))) {
      expect({ statuses: Object.keys(report.statuses), errors: report.errors, bodies: report.bodies }).toEqual({
        statuses: ["200"],
        errors: {},
        bodies: {},
      });
      expect(Object.keys(report.peers).sort()).toEqual(["none", frontend]);
      expect(report.requests).toBeGreaterThan(100);
    }
  });
});
