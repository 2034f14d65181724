import { expect, test } from "vitest";
import { commonResources } from "../../../src/envoy/common.ts";
import { classResources } from "../../../src/envoy/inbound.ts";
import { serviceResources } from "../../../src/envoy/service.ts";
import { type AccessLogSetting, accessLogSettings } from "../../../src/model/snapshot.ts";
import { meshService, servicePort, workloadClass } from "../../support/mesh-samples.ts";

/** Every access log in a sidecar's configuration. */
function logs(setting: AccessLogSetting): readonly { readonly name: string; readonly filter?: unknown }[] {
  const workload = workloadClass();
  const found: { name: string; filter?: unknown }[] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      if (key === "access_log")
        found.push(...(inner as { name: string }[]).filter(({ name }) => name !== "envoy.access_loggers.stats"));
      else walk(inner);
    }
  };
  walk([
    ...commonResources(workload.families, setting).map(({ config }) => config),
    ...classResources(workload, setting).map(({ config }) => config),
    ...serviceResources(meshService([servicePort(80, "http"), servicePort(81, "tcp")]), setting).map(
      ({ config }) => config,
    ),
  ]);
  return found;
}

test("'off' leaves no access log anywhere", () => {
  expect(logs("off")).toEqual([]);
});

test("every log goes to standard output, and 'errors' filters each", () => {
  for (const setting of accessLogSettings) {
    for (const { name, filter } of logs(setting)) {
      expect(name).toBe("envoy.access_loggers.stdout");
      if (setting === "errors") expect(filter).toBeDefined();
    }
  }
  expect(logs("all").length).toBe(logs("errors").length);
  expect(logs("all").filter(({ filter }) => filter === undefined).length).toBeGreaterThan(3);
});
