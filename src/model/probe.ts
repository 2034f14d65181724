/**
 * Probes and lifecycle handlers of applications, as they were before the webhook led them to the sidecar. The kubelet asks
 * for a path of the sidecar's status port; the sidecar asks the application, and tells the kubelet the status.
 */
import { isApplicationPort } from "./sidecar.ts";

/** Which handler of a container it is: names of fields of v1 Container (`<kind>Probe`) and v1 Lifecycle. */
export const handlerKinds = ["startup", "liveness", "readiness", "postStart", "preStop"] as const;

/** One of {@link handlerKinds}. */
export type HandlerKind = (typeof handlerKinds)[number];

/** Whether it is a lifecycle handler, and no probe. */
export const isLifecycleHandler = (kind: HandlerKind): kind is "postStart" | "preStop" =>
  kind === "postStart" || kind === "preStop";

/**
 * What the application is asked for. `exec` and `sleep` stay with the kubelet. `timeoutSeconds` is how long the kubelet waits
 * for the answer to a probe; lifecycle handlers have none.
 */
export type ProbeCheck =
  /** A GET of the path, which begins with a slash and may have a query. Certificates are not checked, as by the kubelet. */
  | { readonly type: "HTTP" | "HTTPS"; readonly port: number; readonly path: string; readonly timeoutSeconds?: number }
  /** A connection that is opened and closed. */
  | { readonly type: "TCP"; readonly port: number; readonly timeoutSeconds?: number }
  /** grpc.health.v1.Health/Check, each period. Times are in seconds. */
  | {
      readonly type: "GRPC";
      readonly port: number;
      readonly service: string;
      readonly periodSeconds: number;
      readonly timeoutSeconds: number;
    };

/** A handler of one container. */
export type ApplicationProbe = { readonly container: string; readonly kind: HandlerKind } & ProbeCheck;

/** What one pod may have of it: more is refused when the pod is created; times are cut to it. */
export const probeLimits = { probes: 64, pathLength: 1024, serviceLength: 253, seconds: 86_400 } as const;

/** Path of the status port that stands for a handler. */
export const probePath = (container: string, kind: HandlerKind): string => `/probe/${container}/${kind}`;

/** A list of probes, or undefined if it is none: what is not ours to understand opens nothing. */
export function checkProbes(value: unknown): readonly ApplicationProbe[] | undefined {
  if (!Array.isArray(value) || value.length > probeLimits.probes) return undefined;
  const probes = value.map(checkProbe);
  const known = probes.filter((probe) => probe !== undefined);
  const paths = new Set(known.map(({ container, kind }) => probePath(container, kind)));
  return paths.size === value.length ? known : undefined;
}

function checkProbe(value: unknown): ApplicationProbe | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const fields: Readonly<Record<string, unknown>> = { ...value };
  const kind = handlerKinds.find((candidate) => candidate === fields["kind"]);
  const { container, type, port, path, service, periodSeconds, timeoutSeconds } = fields;
  if (kind === undefined || typeof container !== "string" || !/^[a-z0-9-]{1,63}$/.test(container)) return undefined;
  if (!isApplicationPort(port)) return undefined;
  const of = { container, kind } as const;
  if (timeoutSeconds !== undefined && !isTime(timeoutSeconds)) return undefined;
  const time = timeoutSeconds === undefined ? {} : { timeoutSeconds };
  switch (type) {
    case "HTTP":
    case "HTTPS":
      return isTarget(path) ? { ...of, type, port, path, ...time } : undefined;
    case "TCP":
      return { ...of, type, port, ...time };
    case "GRPC":
      if (typeof service !== "string" || service.length > probeLimits.serviceLength) return undefined;
      return isTime(periodSeconds) && isTime(timeoutSeconds)
        ? { ...of, type, port, service, periodSeconds, timeoutSeconds }
        : undefined;
    default:
      return undefined;
  }
}

/** A request target in origin form (RFC 9112 section 3.2.1), in printable ASCII. */
function isTarget(value: unknown): value is string {
  return typeof value === "string" && value.length <= probeLimits.pathLength && /^\/[\x21-\x7e]*$/.test(value);
}

const isTime = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 1 && Number(value) <= probeLimits.seconds;
