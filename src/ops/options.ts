/** The one table of options: flags, environment, the file, defaults, help and docs/reference/settings.md are all made from it. */
import { boundSettings } from "../model/annotations.ts";
import { minimumProxyVersion, proxyVersionText } from "../model/proxy-version.ts";
import { ports } from "../model/sidecar.ts";
import { accessLogSettings } from "../model/snapshot.ts";
import { logLevels } from "./logger.ts";

/** One option. */
export interface Option {
  /** The flag without its dashes, and the key in the file. */
  readonly name: string;
  /** The environment variable; absent: `HEDDLE_` and the name in capitals. */
  readonly environment?: string;
  readonly fallback: string;
  readonly help: string;
}

const fixedOptions = [
  {
    name: "namespace",
    environment: "POD_NAMESPACE",
    fallback: "heddle-system",
    help: "namespace of the operator: the root namespace of the mesh",
  },
  {
    name: "namespaces",
    fallback: "",
    help: "the namespaces, besides its own, whose Secrets, ConfigMaps and Certificates the operator may read and write, with commas (default: all)",
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
  {
    name: "webhook-certificate",
    fallback: "",
    help: "folder with tls.crt, tls.key and ca.crt for the webhook (default: the operator makes its own)",
  },
  { name: "health-port", fallback: "8080", help: "port of /healthz, /readyz and /metrics" },
  { name: "proxy-image", fallback: "heddle-proxy:dev", help: "image of the sidecar" },
  {
    name: "proxy-version",
    fallback: "1.40.0",
    help: `version of Envoy in that image, ${proxyVersionText(minimumProxyVersion)} or newer`,
  },
  { name: "certificate-ttl", fallback: "24h", help: "life of a workload's certificate, such as 24h or 10m" },
  {
    name: "proxy-drain-time",
    fallback: "30s",
    help: "how long sidecars of new pods let connections go on after a change that closes them, such as 30s",
  },
  {
    name: "drain-grace",
    fallback: "5s",
    help: "after SIGTERM, how long reviews are still answered while others learn of the end, such as 5s",
  },
] as const satisfies readonly Option[];

/** Name of an option. */
export type OptionName = (typeof fixedOptions)[number]["name"] | (typeof boundSettings)[number]["name"];

/** All options. */
export const options: readonly (Option & { readonly name: OptionName })[] = [
  ...fixedOptions,
  ...boundSettings.map(({ name, annotation, fallback }) => {
    return { name, fallback, help: `bound of the annotation heddle.dev/${annotation} of pods` };
  }),
];

/** The environment variable of an option. */
export function variableOf(option: Option): string {
  return option.environment ?? `HEDDLE_${option.name.toUpperCase().replaceAll("-", "_")}`;
}
