/** What a container is told: environment variables, its command line, and fields of its own pod (the downward API). */
import type { V1Container } from "@kubernetes/client-node";
import type { Image, NodePod } from "./types.ts";

/** Value of a `fieldPath` of the downward API; the address is the pod's. Fails on a path that is not supported. */
export function fieldOf({ metadata, spec }: NodePod, address: string, fieldPath = ""): string {
  const labels = Object.entries(metadata.labels ?? {}).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const fields = new Map([
    ["metadata.name", metadata.name],
    ["metadata.namespace", metadata.namespace],
    ["metadata.uid", metadata.uid],
    ["metadata.labels", labels.sort().join("\n")],
    ["spec.serviceAccountName", spec.serviceAccountName],
    ["status.podIP", address],
  ]);
  const value = fields.get(fieldPath);
  if (value === undefined) throw new Error(`the local node knows no field ${fieldPath}`);
  return value;
}

/** What a container is told of addresses: that of its pod, and that of the Service `kubernetes`. */
interface Addresses {
  readonly address: string;
  readonly apiServer: string;
}

/** What runs in a container. Fails when neither it nor its image has a command. */
export function programOf(pod: NodePod, addresses: Addresses, container: V1Container, image: Image) {
  const environment = environmentOf(pod, addresses, container);
  const words = [...(container.command ?? image.entrypoint ?? []), ...(container.args ?? [])];
  if (words.length === 0) throw new Error(`neither the container nor its image ${container.image} has a command`);
  const { runAsUser = 0, runAsGroup = runAsUser } = { ...pod.spec.securityContext, ...container.securityContext };
  const { drop = [], add = [] } = container.securityContext?.capabilities ?? {};
  const bounding = ["-all", ...add.map((name) => `+${name.toLowerCase()}`)].join();
  return {
    /** What `env` is given in front of a program: variables, and setpriv to become its user with its capabilities. */
    context: [
      ...[...environment].map(([name, value]) => `${name}=${value}`),
      ...["/usr/bin/setpriv", "--reuid", String(runAsUser), "--regid", String(runAsGroup), "--clear-groups"],
      ...(drop.includes("ALL") ? ["--inh-caps", "-all", "--bounding-set", bounding] : []),
    ],
    command: words.map((word) => expand(word, environment)),
  };
}

function environmentOf(pod: NodePod, { address, apiServer }: Addresses, container: V1Container): Map<string, string> {
  const result = new Map([
    ["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    ["KUBERNETES_SERVICE_HOST", apiServer],
    ["KUBERNETES_SERVICE_PORT", "443"],
  ]);
  for (const { name, value = "", valueFrom } of container.env ?? []) {
    const given = valueFrom && fieldOf(pod, address, valueFrom.fieldRef?.fieldPath);
    result.set(name, given ?? expand(value, result));
  }
  return result;
}

/** Replaces `$(NAME)` by the variable, unless it is unknown. */
function expand(text: string, environment: ReadonlyMap<string, string>): string {
  return text.replace(/\$\(([^()]+)\)/g, (whole, name: string) => environment.get(name) ?? whole);
}
