import { expect, test } from "vitest";
import { isSupportedProxy, parseProxyVersion } from "../../../src/model/proxy-version.ts";

test.each([
  ["1.39.2", true],
  ["1.39.10", true],
  ["1.40.0", true],
  ["1.100.0", true],
  ["2.0.0", true],
  ["1.39.1", false],
  ["1.38.9", false],
  ["0.40.3", false],
])("%s: %s", (text, supported) => {
  const version = parseProxyVersion(text);
  expect(version?.join(".")).toBe(text);
  expect(version && isSupportedProxy(version)).toBe(supported);
});

test.each(["", "1", "1.40", "v1.40.0", "1.40.0-dev", "1.40.0.1", "1.40.x", "-1.40.0", "1.40.0\n", "1e3.0.0"])(
  "%j is no version",
  (text) => {
    expect(parseProxyVersion(text)).toBeUndefined();
  },
);
