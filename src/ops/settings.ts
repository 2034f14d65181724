import type { AnnotationBounds, PodAnnotation } from "../model/annotations.ts";
import { boundSettings, parseBound } from "../model/annotations.ts";
import { isSupportedProxy, minimumProxyVersion, parseProxyVersion, proxyVersionText } from "../model/proxy-version.ts";
import { accessLogSettings, type MeshSettings } from "../model/snapshot.ts";
import { type LogLevel, logLevels } from "./logger.ts";
import { type OptionName, options, variableOf } from "./options.ts";
import { SettingsError, type SettingText, settingsSource } from "./settings-source.ts";

/** Everything that can be set about the operator. Parsed once, printed at start, passed in. */
export interface Settings {
  readonly mesh: MeshSettings;
  /** Whose Secrets, ConfigMaps and Certificates may be read and written, the root namespace among them; absent: all. */
  readonly namespaces?: readonly string[];
  /** Path of a kubeconfig; absent: the pod's own ServiceAccount. */
  readonly kubeconfig?: string;
  /** Name of this replica in leader election. */
  readonly replica: string;
  readonly logLevel: LogLevel;
  readonly xdsPort: number;
  readonly webhookPort: number;
  readonly healthPort: number;
  /** Folder of the webhook's certificate; absent: the operator makes its own. */
  readonly webhookCertificate?: string;
  /** Image of the sidecar and of the redirect. */
  readonly proxyImage: string;
  /** Life of a workload's certificate, in milliseconds. */
  readonly certificateTTL: number;
  /** Share of its life after which a certificate is replaced. */
  readonly renewAfter: number;
  /** After SIGTERM, how long reviews are still answered while others learn of the end, in milliseconds. */
  readonly drainGrace: number;
  /** How long sidecars let connections go on after a change that closes them, unless the pod says otherwise; in milliseconds. */
  readonly drainTime: number;
  /** What pods may ask of their sidecars by annotations. */
  readonly annotationBounds: AnnotationBounds;
  /** All of it as text, by option: what is printed at start. No option takes a secret. */
  readonly texts: Readonly<Record<string, string>>;
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
    "Each option is also read from the environment variable in brackets, and from the YAML file that --config (or",
    "HEDDLE_CONFIG) names, by the option's name. A flag wins over the environment, and that over the file.",
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
  const source = settingsSource(flags, environment);
  const text = (name: OptionName): string => source(name).text;
  /** The value in a message, with where it is from when that is not the command line. */
  const said = (name: OptionName): string => `'${text(name)}'${source(name).origin}`;
  const port = (name: OptionName): number => {
    const value = Number(text(name));
    if (!Number.isInteger(value) || value < 1 || value > 65_535)
      throw new SettingsError(`--${name} must be a port between 1 and 65535, not ${said(name)}`);
    return value;
  };
  const domain = (name: OptionName): string => {
    const value = text(name);
    if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(value))
      throw new SettingsError(`--${name} must be a DNS name in lower case, not ${said(name)}`);
    return value;
  };
  const duration = (name: OptionName, least: number): number => {
    const milliseconds = parseDuration(text(name));
    if (milliseconds === undefined || milliseconds < least)
      throw new SettingsError(
        `--${name} must be a duration of at least ${least / 1000}s, such as 24h or 10m, not ${said(name)}`,
      );
    return milliseconds;
  };
  const present = (name: OptionName): string => {
    if (text(name) === "") throw new SettingsError(`--${name} must not be empty`);
    return text(name);
  };
  const listening = (["xds-port", "webhook-port", "health-port"] as const).map((name) => ({ name, port: port(name) }));
  for (const [index, { name, port: taken }] of listening.entries()) {
    const other = listening.slice(0, index).find((earlier) => earlier.port === taken);
    if (other !== undefined)
      throw new SettingsError(`--${name} must not be the port of --${other.name} too: ${said(name)}`);
  }
  const namespace = domain("namespace");
  const xdsPort = port("xds-port");
  const level = logLevels.find((candidate) => candidate === text("log-level"));
  if (level === undefined)
    throw new SettingsError(`--log-level must be one of ${logLevels.join(", ")}, not ${said("log-level")}`);
  const accessLog = accessLogSettings.find((candidate) => candidate === text("access-log"));
  if (accessLog === undefined)
    throw new SettingsError(`--access-log must be one of ${accessLogSettings.join(", ")}, not ${said("access-log")}`);
  requireProxyVersion(text("proxy-version"), said("proxy-version"));
  const kubeconfig = text("kubeconfig");
  const webhookCertificate = text("webhook-certificate");
  const namespaces = text("namespaces") === "" ? [] : text("namespaces").split(",");
  const impossible = namespaces.find((name) => !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name));
  if (impossible !== undefined)
    throw new SettingsError(
      `--namespaces must be names of namespaces with commas between them, and '${impossible}' is none, in ${said("namespaces")}`,
    );
  return {
    mesh: {
      rootNamespace: namespace,
      trustDomain: domain("trust-domain"),
      clusterDomain: domain("cluster-domain"),
      xdsAddress: parseAddress(text("xds-address") || `heddle.${namespace}.svc:${xdsPort}`, said("xds-address")),
      operatorServiceAccount: domain("service-account"),
      accessLog,
    },
    ...(namespaces.length === 0 ? {} : { namespaces: [...new Set([namespace, ...namespaces])] }),
    ...(kubeconfig === "" ? {} : { kubeconfig }),
    ...(webhookCertificate === "" ? {} : { webhookCertificate }),
    replica: present("replica"),
    logLevel: level,
    xdsPort,
    webhookPort: port("webhook-port"),
    healthPort: port("health-port"),
    proxyImage: present("proxy-image"),
    certificateTTL: duration("certificate-ttl", 10_000),
    drainGrace: duration("drain-grace", 0),
    renewAfter: 2 / 3,
    drainTime: duration("proxy-drain-time", 1000),
    annotationBounds: new Map(
      boundSettings.map(({ name, annotation }) => [annotation, readBound(name, annotation, source(name))]),
    ),
    texts: Object.fromEntries(options.map(({ name }) => [name, text(name)])),
  };
}

function readBound(name: string, annotation: PodAnnotation, { text, origin }: SettingText): string {
  try {
    return parseBound(annotation, text);
  } catch (error) {
    if (error instanceof RangeError) throw new SettingsError(`--${name} ${error.message}${origin}`);
    throw error;
  }
}

/** Nothing else is made of it: what a sidecar really runs, it says itself when it asks for its configuration. */
function requireProxyVersion(text: string, said: string): void {
  const version = parseProxyVersion(text);
  if (version === undefined)
    throw new SettingsError(`--proxy-version must be a version of Envoy such as 1.40.0, not ${said}`);
  if (!isSupportedProxy(version))
    throw new SettingsError(
      `--proxy-version must be ${proxyVersionText(minimumProxyVersion)} or newer, not ${said}: policies can be bypassed in an older Envoy; build the image of --proxy-image on a newer one, and say its version`,
    );
}

function parseAddress(text: string, said: string): { host: string; port: number } {
  const separator = text.lastIndexOf(":");
  const port = Number(text.slice(separator + 1));
  const host = text.slice(0, Math.max(separator, 0)).replace(/^\[|\]$/g, "");
  if (host === "" || !Number.isInteger(port) || port < 1 || port > 65_535)
    throw new SettingsError(`--xds-address must be host:port, not ${said}`);
  return { host, port };
}

const units: ReadonlyMap<string, number> = new Map([
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,6})([smh])$/.exec(text);
  const milliseconds = Number(match?.[1]) * (units.get(match?.[2] ?? "") ?? Number.NaN);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}
