import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { options } from "../../../src/ops/options.ts";
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
  expect(settings.renewAfter).toBe(2 / 3);
  expect(settings.drainTime).toBe(30_000);
});

test("a flag wins over the environment, and that over the default", () => {
  const environment = { HEDDLE_TRUST_DOMAIN: "from.environment", POD_NAMESPACE: "mesh", HEDDLE_LOG_LEVEL: "" };
  const settings = parseSettings(
    ["--trust-domain", "from.flag", "--certificate-ttl=10m", "--proxy-drain-time=2s"],
    environment,
  );
  expect(settings.mesh.trustDomain).toBe("from.flag");
  expect(settings.mesh.rootNamespace).toBe("mesh");
  expect(settings.mesh.xdsAddress.host).toBe("heddle.mesh.svc");
  expect(settings.certificateTTL).toBe(600_000);
  expect(settings.drainTime).toBe(2000);
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
  [["--proxy-drain-time", "0s"], "--proxy-drain-time must be a duration of at least 1s, such as 24h or 10m, not '0s'"],
  [["--xds-address", "nowhere"], "--xds-address must be host:port, not 'nowhere'"],
  [["--health-port", "15010"], "--health-port must not be the port of --xds-port too: '15010'"],
  [["--replica="], "--replica must not be empty"],
  [["--proxy-image="], "--proxy-image must not be empty"],
  [["--proxy-version=1.40"], "--proxy-version must be a version of Envoy such as 1.40.0, not '1.40'"],
  [["--proxy-version=v1.40.0"], "--proxy-version must be a version of Envoy such as 1.40.0, not 'v1.40.0'"],
  [["--proxy-version=1.39.1"], "--proxy-version must be 1.39.2 or newer, not '1.39.1': policies can be bypassed"],
  [["--proxy-version=0.99.99"], "--proxy-version must be 1.39.2 or newer, not '0.99.99'"],
  [["--drain-grace", "-1s"], "Option '--drain-grace' argument is ambiguous"],
  [["--unknown"], "Unknown option '--unknown'"],
])("%j is refused", (flags, message) => {
  expect(() => parseSettings(flags, {})).toThrow(message);
});

test("namespaces are all, or the root namespace and those that are named", () => {
  expect(parseSettings([], {}).namespaces).toBeUndefined();
  expect(parseSettings(["--namespaces=shop,payments,shop,mesh"], { POD_NAMESPACE: "mesh" }).namespaces).toEqual([
    "mesh",
    "shop",
    "payments",
  ]);
  for (const [list, name] of [
    ["shop, payments", " payments"],
    ["shop,", ""],
    ["*", "*"],
    ["a.b", "a.b"],
  ])
    expect(() => parseSettings([`--namespaces=${list}`], {})).toThrow(`'${name}' is none, in '${list}'`);
});

test("the help names every flag and its variable", () => {
  expect(settingsHelp()).toContain("--trust-domain");
  expect(settingsHelp()).toContain("[HEDDLE_TRUST_DOMAIN, default cluster.local]");
  expect(settingsHelp()).toContain("[POD_NAMESPACE, default heddle-system]");
});

describe("a file", () => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-settings-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (text: string): string => {
    const path = join(folder, "settings.yaml");
    writeFileSync(path, text);
    return path;
  };

  test("is below flags and environment, and above the defaults", () => {
    const path = file("trust-domain: from.file\nlog-level: debug\nxds-port: 1234\ndrain-grace: 0s\n");
    const environment = { HEDDLE_CONFIG: path, HEDDLE_LOG_LEVEL: "warn" };
    const settings = parseSettings(["--trust-domain", "from.flag"], environment);
    expect(settings).toMatchObject({
      logLevel: "warn",
      xdsPort: 1234,
      drainGrace: 0,
      mesh: { trustDomain: "from.flag" },
    });
    expect(settings.texts).toMatchObject({ "log-level": "warn", "trust-domain": "from.flag", "drain-grace": "0s" });
    expect(Object.keys(settings.texts)).toHaveLength(options.length);
    expect(parseSettings(["--config", path], {}).mesh.trustDomain).toBe("from.file");
    expect(parseSettings(["--config", file("# nothing\n")], {}).mesh.trustDomain).toBe("cluster.local");
  });

  test.each([
    ["log-levle: debug\n", "has the unknown key 'log-levle'; see --help"],
    ["config: other.yaml\n", "has the unknown key 'config'"],
    ["constructor: x\n", "has the unknown key 'constructor'"],
    ["log-level:\n", "must have a string or a number for 'log-level'"],
    ["log-level: [debug]\n", "must have a string or a number for 'log-level'"],
    ["log-level: debug\nlog-level: info\n", "is not YAML: Map keys must be unique"],
    ["- log-level\n", "must be a mapping of settings"],
    ["xds-port: 0\n", "--xds-port must be a port between 1 and 65535, not '0' (from the file "],
  ])("%j is refused", (text, message) => {
    const path = file(text);
    expect(() => parseSettings(["--config", path], {})).toThrow(message);
    expect(() => parseSettings(["--config", path], {})).toThrow(path);
  });

  test("that is not there is refused", () => {
    expect(() => parseSettings(["--config", join(folder, "none")], {})).toThrow("cannot be read");
  });
});

test("a message names the variable that a bad value is from", () => {
  expect(() => parseSettings([], { HEDDLE_LOG_LEVEL: "loud" })).toThrow(
    "--log-level must be one of debug, info, warn, error, not 'loud' (from HEDDLE_LOG_LEVEL)",
  );
});
