import { expect, test } from "vitest";
import type { ConfigMap } from "../../../src/api/kubernetes.ts";
import { byKey } from "../../support/desired-record.ts";
import { setUp, wanted, written } from "./publisher-world.ts";

test.each([
  ["unseen", "not there", "newer"],
  ["with strangers' content", "strange", "newer"],
  ["with strangers' content still", "strange", "newer and strange"],
  ["immutable", "immutable", "newer and immutable"],
] as const)("an older picture loses when it is woken within a write: %s", async (_what, before, after) => {
  const { clock, calls, publisher, store, see, stored } = setUp({ echo: false });
  const as = (text: string, how: string): ConfigMap => ({
    ...written("heddle-cart", text),
    data: { "bootstrap.yaml": text, ...(how.endsWith("strange") ? { more: "x" } : {}) },
    ...(how.endsWith("immutable") ? { immutable: true } : {}),
  });
  if (before !== "not there") {
    store(as("1", before));
    see("heddle-cart");
  }
  const newer = store(as("3", after));
  publisher.setDesired(byKey([wanted("heddle-cart", "2")]));
  await clock.advance(10_000);
  expect(stored.get("shop/heddle-cart")).toBe(newer);
  expect(calls.filter((call) => !call.startsWith("create "))).toEqual([]);
  // Once the watch has caught up, what is known then decides.
  see("heddle-cart");
  await clock.advance(60_000);
  expect(stored.get("shop/heddle-cart")).toMatchObject(written("heddle-cart", "2"));
});

test("what has lost our label is put back only by one who leads still", async () => {
  const { clock, calls, leading, publisher, store, stored } = setUp({ echo: false });
  const { labels: _labels, ...metadata } = written("heddle-cart", "3").metadata;
  const newer = store({ ...written("heddle-cart", "3"), metadata });
  leading.until = "create heddle-cart";
  publisher.setDesired(byKey([wanted("heddle-cart", "2")]));
  await clock.advance(10_000);
  expect(calls).toEqual(["create heddle-cart"]);
  expect(stored.get("shop/heddle-cart")).toBe(newer);
});
