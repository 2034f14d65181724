/**
 * Probes and lifecycle handlers over the network. The kubelet is outside of the mesh: policies would refuse it, and Envoy
 * would take a TCP connection in the place of an application that is down. So it is led to a path of the sidecar's status
 * port for each handler, and the sidecar asks the application (envoy/probes.ts). What `exec` and `sleep` do, and what asks
 * another host than the pod, stays as it is.
 */
import type { InjectionRecord } from "../model/injection-record.ts";
import type { ApplicationProbe, HandlerKind, ProbeCheck } from "../model/probe.ts";
import { handlerKinds, isLifecycleHandler, probeLimits, probePath } from "../model/probe.ts";
import { isApplicationPort, containers as ownNames, ports } from "../model/sidecar.ts";
import type { AdmissionContainer, AdmissionPodSpec, HttpGetAction, LifecycleHandler, Probe } from "./pod.ts";

/** What became of a pod's handlers. */
export interface RewrittenProbes {
  /** Lists in which nothing changed are the same as before. */
  readonly spec: AdmissionPodSpec;
  readonly probes: readonly ApplicationProbe[];
  /** Why the pod cannot be taken as it is. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** Leads the handlers to the sidecar. Those that an earlier injection led there are known from its record. */
export function rewriteProbes(spec: AdmissionPodSpec, earlier: InjectionRecord): RewrittenProbes {
  const probes: ApplicationProbe[] = [];
  const problems: string[] = [];
  const warnings: string[] = [];
  const rewrite = (list: readonly AdmissionContainer[], field: string): readonly AdmissionContainer[] => {
    const rewritten = list.map((container, index) => {
      const isSidecar = field === "initContainers" && container.restartPolicy === "Always";
      if (container.name === ownNames.proxy || (field === "initContainers" && !isSidecar)) return container;
      return handlerKinds.reduce((changed, kind) => {
        const handler = handlerOf(changed, kind);
        const target = handler === undefined ? undefined : targetOf(handler, container, kind, earlier);
        if (handler === undefined || target === undefined) return changed;
        const path = `spec.${field}[${index}].${pathOf(kind)}`;
        if (target === "unknown") {
          problems.push(
            `${path}: port ${ports.status} is the sidecar's; name a port of the application's, and Heddle leads the kubelet`,
          );
          return changed;
        }
        const problem = problemOf(target);
        if (problem !== undefined) problems.push(`${path}: ${problem}`);
        if (isLifecycleHandler(kind))
          warnings.push(
            `${path}.httpGet: whoever reaches the pod can call it, whatever policies say; use exec if that matters`,
          );
        probes.push({ container: container.name, kind, ...target });
        return isLed(handler, container, kind)
          ? changed
          : withHandler(changed, kind, ledHandler(handler, container, kind));
      }, container);
    });
    return rewritten.every((container, index) => container === list[index]) ? list : rewritten;
  };
  // In the order in which they start.
  const initContainers = spec.initContainers && rewrite(spec.initContainers, "initContainers");
  const containers = rewrite(spec.containers, "containers");
  if (probes.length > probeLimits.probes)
    problems.push(
      `spec has ${probes.length} probes and handlers over the network; at most ${probeLimits.probes} can go through the sidecar`,
    );
  return { spec: { ...spec, ...(initContainers ? { initContainers } : {}), containers }, probes, problems, warnings };
}

const pathOf = (kind: HandlerKind): string => (isLifecycleHandler(kind) ? `lifecycle.${kind}` : `${kind}Probe`);

function handlerOf(container: AdmissionContainer, kind: HandlerKind): Probe | LifecycleHandler | undefined {
  return (isLifecycleHandler(kind) ? container.lifecycle?.[kind] : container[`${kind}Probe`]) ?? undefined;
}

function withHandler(container: AdmissionContainer, kind: HandlerKind, handler: Probe): AdmissionContainer {
  if (isLifecycleHandler(kind)) return { ...container, lifecycle: { ...container.lifecycle, [kind]: handler } };
  return { ...container, [`${kind}Probe`]: handler };
}

/**
 * What a handler asks the application for: undefined when it does not go to a port of the application, "unknown" when it
 * goes to the sidecar and nobody knows why.
 */
function targetOf(
  handler: Probe | LifecycleHandler,
  container: AdmissionContainer,
  kind: HandlerKind,
  earlier: InjectionRecord,
): ProbeCheck | "unknown" | undefined {
  const { httpGet, tcpSocket, grpc, periodSeconds, timeoutSeconds }: Probe = handler;
  const time = timeoutSeconds && !isLifecycleHandler(kind) ? { timeoutSeconds: seconds(timeoutSeconds, 1) } : {};
  if (isLed(handler, container, kind)) {
    const known = earlier.probes.find((probe) => probe.container === container.name && probe.kind === kind);
    return known === undefined ? "unknown" : { ...checkOf(known), ...time };
  }
  const action = httpGet ?? tcpSocket ?? grpc ?? undefined;
  if (action === undefined || ("host" in action && (action.host ?? "") !== "")) return undefined;
  const port = portOf(action.port, container);
  // A name that no port has is for the kubelet to complain of.
  if (!isApplicationPort(port)) return undefined;
  if (httpGet)
    return {
      type: httpGet.scheme === "HTTPS" ? "HTTPS" : "HTTP",
      port,
      path: requestTarget(httpGet.path ?? ""),
      ...time,
    };
  // Hooks of this kind have never done anything.
  if (isLifecycleHandler(kind)) return undefined;
  if (tcpSocket) return { type: "TCP", port, ...time };
  // What the API server fills in when it is absent or 0.
  return {
    type: "GRPC",
    port,
    service: grpc?.service ?? "",
    periodSeconds: seconds(periodSeconds, 10),
    timeoutSeconds: seconds(timeoutSeconds, 1),
  };
}

/** A time as the API server has it; 0 and null stand for its default. A day is as good as never. */
const seconds = (given: number | undefined, fallback: number): number =>
  Math.min(given || fallback, probeLimits.seconds);

function checkOf({ container: _container, kind: _kind, ...check }: ApplicationProbe): ProbeCheck {
  return check;
}

function problemOf(check: ProbeCheck): string | undefined {
  const { pathLength, serviceLength } = probeLimits;
  if ("path" in check && check.path.length > pathLength)
    return `the path is longer than ${pathLength} characters, encoded; use a shorter one`;
  if (check.type !== "GRPC") return undefined;
  if (check.service.length > serviceLength)
    return `the service's name is longer than ${serviceLength} characters; use a shorter one`;
  return undefined;
}

/** As the kubelet finds it: the name of a TCP port of the same container, or digits. */
function portOf(port: number | string, { ports: declared }: AdmissionContainer): number | undefined {
  if (typeof port === "number") return port;
  const named = declared?.find(({ name }) => name === port)?.containerPort;
  return named ?? (/^\d{1,5}$/.test(port) ? Number(port) : undefined);
}

/** The path as the kubelet sends it: without a fragment, with a slash in front, in ASCII. */
function requestTarget(path: string): string {
  const [target = ""] = path.toWellFormed().split("#", 1);
  const encoded = target.replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character));
  return encoded.startsWith("/") ? encoded : `/${encoded}`;
}

function isLed({ httpGet }: Probe | LifecycleHandler, { name }: AdmissionContainer, kind: HandlerKind): boolean {
  return httpGet?.port === ports.status && httpGet.path === probePath(name, kind);
}

/** The handler with the sidecar in the application's place. Its headers are the kubelet's to send, the Host among them. */
function ledHandler(handler: Probe | LifecycleHandler, { name }: AdmissionContainer, kind: HandlerKind): Probe {
  const { httpGet, tcpSocket: _tcpSocket, grpc: _grpc, ...times }: Probe = handler;
  const headers: Partial<HttpGetAction> = httpGet?.httpHeaders ? { httpHeaders: httpGet.httpHeaders } : {};
  return { ...times, httpGet: { path: probePath(name, kind), port: ports.status, ...headers } };
}
