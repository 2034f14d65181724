import type { ResourceRequirements } from "./pod.ts";

/** Log levels of Envoy. */
export type ProxyLogLevel = "trace" | "debug" | "info" | "warning" | "error" | "critical" | "off";

/** What injection needs to know about this installation. */
export interface InjectionSettings {
  /** Image of the sidecar and of the redirect. */
  readonly proxyImage: string;
  /** Envoy's worker threads. */
  readonly concurrency: number;
  readonly logLevel: ProxyLogLevel;
  /** How long Envoy lets connections of a replaced listener live, in seconds. */
  readonly drainSeconds: number;
  /** How long the sidecar goes on after its pod began to terminate, at least, in seconds. */
  readonly preStopSeconds: number;
  readonly proxyResources: ResourceRequirements;
  readonly redirectResources: ResourceRequirements;
}

/** The settings of an installation that changes none of them. */
export function defaultInjectionSettings(proxyImage: string): InjectionSettings {
  return {
    proxyImage,
    concurrency: 2,
    logLevel: "warning",
    drainSeconds: 30,
    preStopSeconds: 5,
    proxyResources: { requests: { cpu: "50m", memory: "64Mi" }, limits: { cpu: "2", memory: "512Mi" } },
    redirectResources: { requests: { cpu: "10m", memory: "16Mi" }, limits: { cpu: "100m", memory: "64Mi" } },
  };
}
