import { expect, test } from "vitest";
import { parseSettings, settingsHelp } from "../../../src/ops/settings.ts";

test("defaults are those of an installation in heddle-system", () => {
  const settings = parseSettings([], {});
  expect(settings.mesh).toEqual({
    rootNamespace: "heddle-system",
    trustDomain: "cluster.local",
    clusterDomain: "cluster.local",
    xdsAddress: { host: "heddle.heddle-system.svc", port: 15010 },
    operatorServiceAccount: "heddle",
    accessLog: "errors",
  });
  expect(settings.certificateTTL).toBe(86_400_000);
});

test("a flag wins over the environment, and that over the default", () => {
  const environment = { HEDDLE_TRUST_DOMAIN: "from.environment", POD_NAMESPACE: "mesh", HEDDLE_LOG_LEVEL: "" };
  const settings = parseSettings(["--trust-domain", "from.flag", "--certificate-ttl=10m"], environment);
  expect(settings.mesh.trustDomain).toBe("from.flag");
  expect(settings.mesh.xdsAddress.host).toBe("heddle.mesh.svc");
  expect(settings.certificateTTL).toBe(600_000);
  expect(settings.logLevel).toBe("info");
});

test.each([
  [["--xds-port", "0"], "--xds-port must be a port between 1 and 65535, not '0'"],
  [["--xds-port", "http"], "--xds-port must be a port between 1 and 65535, not 'http'"],
  [["--trust-domain", "Upper/case"], "--trust-domain must be a DNS name in lower case, not 'Upper/case'"],
  [["--log-level", "loud"], "--log-level must be one of debug, info, warn, error, not 'loud'"],
  [["--certificate-ttl", "1s"], "--certificate-ttl must be a duration of at least 10s, such as 24h or 10m, not '1s'"],
  [
    ["--certificate-ttl", "soon"],
    "--certificate-ttl must be a duration of at least 10s, such as 24h or 10m, not 'soon'",
  ],
  [["--xds-address", "nowhere"], "--xds-address must be host:port, not 'nowhere'"],
  [["--unknown"], "Unknown option '--unknown'"],
])("%j is refused", (flags, message) => {
  expect(() => parseSettings(flags, {})).toThrow(message);
});

test("the help names every flag and its variable", () => {
  expect(settingsHelp()).toContain("--trust-domain");
  expect(settingsHelp()).toContain("[HEDDLE_TRUST_DOMAIN, default cluster.local]");
  expect(settingsHelp()).toContain("[POD_NAMESPACE, default heddle-system]");
});
