import { logLevels } from "../model/annotation-kinds.ts";
import type { AnnotationBounds, PodAnnotation } from "../model/annotations.ts";
import type { ResourceRequirements } from "./pod.ts";

/** Log levels of Envoy. */
export type ProxyLogLevel = (typeof logLevels)[number];

/** What of a pod's connections is not redirected to its sidecar. Each is a list with commas, or empty. */
interface Exclusions {
  readonly inboundPorts: string;
  readonly inboundCIDRs: string;
  readonly outboundPorts: string;
  readonly outboundCIDRs: string;
}

/** What one pod's sidecar and redirect are made from. */
export interface SidecarSettings {
  /** Image of the sidecar and of the redirect. */
  readonly proxyImage: string;
  /** Envoy's worker threads. */
  readonly concurrency: number;
  readonly logLevel: ProxyLogLevel;
  /** How long Envoy lets connections of a replaced listener live, in seconds. */
  readonly drainSeconds: number;
  /** How long the sidecar goes on after its pod began to terminate, at least and if the pod has as long, in seconds. */
  readonly preStopSeconds: number;
  readonly proxyResources: ResourceRequirements;
  readonly redirectResources: ResourceRequirements;
  readonly exclusions: Exclusions;
}

/** What injection needs to know about this installation. */
export interface InjectionSettings extends SidecarSettings {
  /** What pods may ask for by annotations. */
  readonly bounds: AnnotationBounds;
}

/** The settings of an installation that changes none of them. */
export function defaultInjectionSettings(
  proxyImage: string,
  bounds: AnnotationBounds = new Map(),
  drainSeconds = 30,
): InjectionSettings {
  return {
    proxyImage,
    concurrency: 2,
    logLevel: "warning",
    drainSeconds,
    preStopSeconds: 5,
    proxyResources: { requests: { cpu: "50m", memory: "64Mi" }, limits: { cpu: "2", memory: "512Mi" } },
    redirectResources: { requests: { cpu: "10m", memory: "16Mi" }, limits: { cpu: "100m", memory: "64Mi" } },
    exclusions: { inboundPorts: "", inboundCIDRs: "", outboundPorts: "", outboundCIDRs: "" },
    bounds,
  };
}

/** The settings for a pod that is ended by force after this time: the API server takes no longer sleep than that. */
export function withinGracePeriod(settings: SidecarSettings, seconds: number | undefined): SidecarSettings {
  const preStopSeconds = Math.max(0, Math.min(settings.preStopSeconds, seconds ?? settings.preStopSeconds));
  return { ...settings, preStopSeconds };
}

/** The settings for a pod whose annotations have these values. */
export function withAnnotations(
  settings: InjectionSettings,
  values: ReadonlyMap<PodAnnotation, string>,
): SidecarSettings {
  const quantity = (part: "request" | "limit", unset: Readonly<Record<string, string>> | undefined) => ({
    ...unset,
    ...given("cpu", values.get(`proxy-cpu-${part}`)),
    ...given("memory", values.get(`proxy-memory-${part}`)),
  });
  const { requests, limits } = settings.proxyResources;
  return {
    ...settings,
    proxyResources: { requests: quantity("request", requests), limits: quantity("limit", limits) },
    concurrency: Number(values.get("proxy-concurrency") ?? settings.concurrency),
    logLevel: logLevels.find((level) => level === values.get("proxy-log-level")) ?? settings.logLevel,
    drainSeconds: Number.parseInt(values.get("drain-time") ?? String(settings.drainSeconds), 10),
    exclusions: {
      inboundPorts: values.get("exclude-inbound-ports") ?? settings.exclusions.inboundPorts,
      inboundCIDRs: values.get("exclude-inbound-cidrs") ?? settings.exclusions.inboundCIDRs,
      outboundPorts: values.get("exclude-outbound-ports") ?? settings.exclusions.outboundPorts,
      outboundCIDRs: values.get("exclude-outbound-cidrs") ?? settings.exclusions.outboundCIDRs,
    },
  };
}

const given = (name: string, value: string | undefined): Readonly<Record<string, string>> =>
  value === undefined ? {} : { [name]: value };
