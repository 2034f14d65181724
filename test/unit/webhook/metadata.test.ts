import { expect, test } from "vitest";
import { stampMetadata } from "../../../src/webhook/metadata.ts";

const ours = {
  "prometheus.io/scrape": "true",
  "prometheus.io/port": "15020",
  "prometheus.io/path": "/stats/prometheus",
};
const stamp = { "heddle.dev/class": "cart-0123456789" };

test("an injected pod tells where to scrape its sidecar, and a second time changes nothing", () => {
  const once = stampMetadata({ name: "a", annotations: { other: "kept" } }, "cart-0123456789");
  expect(once).toEqual({ name: "a", annotations: { other: "kept", ...ours, ...stamp } });
  expect(stampMetadata(once, "cart-0123456789")).toBe(once);
});

test.each([
  { "prometheus.io/scrape": "true", "prometheus.io/port": "8080" },
  { "prometheus.io/scrape": "false" },
  { "prometheus.io/port": "9090" },
])("a pod with %j keeps what it says", (annotations) => {
  expect(stampMetadata({ name: "a", annotations }, "cart-0123456789").annotations).toEqual({
    ...annotations,
    ...stamp,
  });
});
