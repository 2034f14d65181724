import { parseArgs } from "node:util";
import type { AnnotationBounds, PodAnnotation } from "../model/annotations.ts";
import { boundSettings, parseBound } from "../model/annotations.ts";
import { ports } from "../model/sidecar.ts";
import { accessLogSettings, type MeshSettings } from "../model/snapshot.ts";
import { type LogLevel, logLevels } from "./logger.ts";

/** Everything that can be set about the operator. Parsed once, printed at start, passed in. */
export interface Settings {
  readonly mesh: MeshSettings;
  /** Path of a kubeconfig; absent: the pod's own ServiceAccount. */
  readonly kubeconfig?: string;
  /** Name of this replica in leader election. */
  readonly replica: string;
  readonly logLevel: LogLevel;
  readonly xdsPort: number;
  readonly webhookPort: number;
  readonly healthPort: number;
  /** Image of the sidecar and of the redirect. */
  readonly proxyImage: string;
  /** Life of a workload's certificate, in milliseconds. */
  readonly certificateTTL: number;
  /** Share of its life after which a certificate is replaced. */
  readonly renewAfter: number;
  /** What pods may ask of their sidecars by annotations. */
  readonly annotationBounds: AnnotationBounds;
}

interface Option {
  readonly name: string;
  readonly environment?: string;
  readonly fallback: string;
  readonly help: string;
}

/** The one table of options: flags, environment, defaults and help are all made from it. */
const fixedOptions = [
  {
    name: "namespace",
    environment: "POD_NAMESPACE",
    fallback: "heddle-system",
    help: "namespace of the operator: the root namespace of the mesh",
  },
  { name: "service-account", fallback: "heddle", help: "ServiceAccount of the operator" },
  { name: "trust-domain", fallback: "cluster.local", help: "SPIFFE trust domain" },
  { name: "cluster-domain", fallback: "cluster.local", help: "DNS domain of Services" },
  { name: "xds-address", fallback: "", help: "host:port at which sidecars reach the operator (default: its Service)" },
  {
    name: "kubeconfig",
    environment: "KUBECONFIG",
    fallback: "",
    help: "kubeconfig file (default: the pod's ServiceAccount)",
  },
  { name: "replica", environment: "POD_NAME", fallback: "heddle", help: "name of this replica in leader election" },
  { name: "log-level", fallback: "info", help: `one of ${logLevels.join(", ")}` },
  {
    name: "access-log",
    fallback: "errors",
    help: `which requests and connections sidecars log: one of ${accessLogSettings.join(", ")}`,
  },
  { name: "xds-port", fallback: String(ports.xds), help: "port of the delta ADS server" },
  { name: "webhook-port", fallback: String(ports.webhook), help: "port of the admission webhook" },
  { name: "health-port", fallback: "8080", help: "port of /healthz, /readyz and /metrics" },
  { name: "proxy-image", fallback: "heddle-proxy:dev", help: "image of the sidecar" },
  { name: "certificate-ttl", fallback: "24h", help: "life of a workload's certificate, such as 24h or 10m" },
] as const satisfies readonly Option[];

type OptionName = (typeof fixedOptions)[number]["name"] | (typeof boundSettings)[number]["name"];

const options: readonly Option[] = [
  ...fixedOptions,
  ...boundSettings.map(({ name, annotation, fallback }) => {
    return { name, fallback, help: `bound of the annotation heddle.dev/${annotation} of pods` };
  }),
];

/** A setting that cannot be used. The message names the flag and what it takes. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

/** The help text of the operator. */
export function settingsHelp(): string {
  const lines = options.map((option) => {
    const variable = variableOf(option);
    return `  --${option.name.padEnd(28)} ${option.help} [${variable}${option.fallback === "" ? "" : `, default ${option.fallback}`}]`;
  });
  return [
    "Usage: heddle [options]",
    "",
    "Each option is also read from the environment variable in brackets; a flag wins.",
    ...lines,
    "",
  ].join("\n");
}

/**
 * Settings from flags, then environment, then defaults.
 * @throws SettingsError for an unknown flag or a value out of range.
 */
export function parseSettings(
  flags: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Settings {
  const values = readFlags(flags);
  const text = (name: OptionName): string => {
    const option = options.find((candidate) => candidate.name === name);
    const fromEnvironment = option === undefined ? undefined : environment[variableOf(option)];
    return values.get(name) ?? (fromEnvironment === "" ? undefined : fromEnvironment) ?? option?.fallback ?? "";
  };
  const port = (name: OptionName): number => {
    const value = Number(text(name));
    if (!Number.isInteger(value) || value < 1 || value > 65_535)
      throw new SettingsError(`--${name} must be a port between 1 and 65535, not '${text(name)}'`);
    return value;
  };
  const domain = (name: OptionName): string => {
    const value = text(name);
    if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(value))
      throw new SettingsError(`--${name} must be a DNS name in lower case, not '${value}'`);
    return value;
  };
  const namespace = domain("namespace");
  const xdsPort = port("xds-port");
  const level = logLevels.find((candidate) => candidate === text("log-level"));
  if (level === undefined)
    throw new SettingsError(`--log-level must be one of ${logLevels.join(", ")}, not '${text("log-level")}'`);
  const accessLog = accessLogSettings.find((candidate) => candidate === text("access-log"));
  if (accessLog === undefined)
    throw new SettingsError(`--access-log must be one of ${accessLogSettings.join(", ")}, not '${text("access-log")}'`);
  const kubeconfig = text("kubeconfig");
  return {
    mesh: {
      rootNamespace: namespace,
      trustDomain: domain("trust-domain"),
      clusterDomain: domain("cluster-domain"),
      xdsAddress: parseAddress(text("xds-address") || `heddle.${namespace}.svc:${xdsPort}`),
      operatorServiceAccount: domain("service-account"),
      accessLog,
    },
    ...(kubeconfig === "" ? {} : { kubeconfig }),
    replica: text("replica"),
    logLevel: level,
    xdsPort,
    webhookPort: port("webhook-port"),
    healthPort: port("health-port"),
    proxyImage: text("proxy-image"),
    certificateTTL: parseDuration("certificate-ttl", text("certificate-ttl")),
    renewAfter: 2 / 3,
    annotationBounds: new Map(
      boundSettings.map(({ name, annotation }) => [annotation, readBound(name, annotation, text(name))]),
    ),
  };
}

function readBound(name: string, annotation: PodAnnotation, value: string): string {
  try {
    return parseBound(annotation, value);
  } catch (error) {
    if (error instanceof RangeError) throw new SettingsError(`--${name} ${error.message}`);
    throw error;
  }
}

function variableOf(option: Option): string {
  return option.environment ?? `HEDDLE_${option.name.toUpperCase().replaceAll("-", "_")}`;
}

function readFlags(flags: readonly string[]): ReadonlyMap<string, string> {
  try {
    const { values } = parseArgs({
      args: [...flags],
      options: Object.fromEntries(options.map((option) => [option.name, { type: "string" as const }])),
      strict: true,
    });
    return new Map(
      Object.entries(values).flatMap(([name, value]) => (typeof value === "string" ? [[name, value] as const] : [])),
    );
  } catch (error) {
    throw new SettingsError(error instanceof Error ? error.message : String(error));
  }
}

function parseAddress(text: string): { host: string; port: number } {
  const separator = text.lastIndexOf(":");
  const port = Number(text.slice(separator + 1));
  const host = text.slice(0, Math.max(separator, 0)).replace(/^\[|\]$/g, "");
  if (host === "" || !Number.isInteger(port) || port < 1 || port > 65_535)
    throw new SettingsError(`--xds-address must be host:port, not '${text}'`);
  return { host, port };
}

const units: ReadonlyMap<string, number> = new Map([
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

function parseDuration(name: string, text: string): number {
  const match = /^(\d{1,6})([smh])$/.exec(text);
  const milliseconds = Number(match?.[1]) * (units.get(match?.[2] ?? "") ?? Number.NaN);
  if (!(milliseconds >= 10_000))
    throw new SettingsError(`--${name} must be a duration of at least 10s, such as 24h or 10m, not '${text}'`);
  return milliseconds;
}
