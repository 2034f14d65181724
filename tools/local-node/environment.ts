/** What a container is told: environment variables, its command line, and fields of its own pod (the downward API). */
import type { V1Container } from "@kubernetes/client-node";
import type { ConfigMap, Secret } from "../../src/api/kubernetes.ts";
import { nodeAddress } from "./network.ts";
import type { Image, NodePod } from "./types.ts";

/** ConfigMaps and Secrets as the node sees them now. */
export interface Configuration {
  configMap(key: string): ConfigMap | undefined;
  secret(key: string): Secret | undefined;
}

/** Value of a `fieldPath` of the downward API; the address is the pod's. Fails on a path that is not supported. */
export function fieldOf(pod: NodePod, address: string, fieldPath: string): string {
  const { metadata, spec } = pod;
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(fieldPath);
  if (keyed?.[2] !== undefined) return metadata[keyed[1] === "labels" ? "labels" : "annotations"]?.[keyed[2]] ?? "";
  switch (fieldPath) {
    case "metadata.name":
      return metadata.name;
    case "metadata.namespace":
      return metadata.namespace ?? "";
    case "metadata.uid":
      return metadata.uid ?? "";
    case "metadata.labels":
      return lines(metadata.labels);
    case "metadata.annotations":
      return lines(metadata.annotations);
    case "spec.nodeName":
      return spec.nodeName ?? "";
    case "spec.serviceAccountName":
      return spec.serviceAccountName ?? "default";
    case "status.podIP":
    case "status.podIPs":
      return address;
    case "status.hostIP":
    case "status.hostIPs":
      return nodeAddress;
    default:
      throw new Error(`the local node knows no field ${fieldPath}`);
  }
}

function lines(record: Readonly<Record<string, string>> = {}): string {
  return Object.entries(record)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .sort()
    .join("\n");
}

/** The environment of a container. Fails when a ConfigMap, Secret or key that it needs is missing. */
export function environmentOf(
  pod: NodePod,
  container: V1Container,
  image: Image,
  context: { readonly address: string; readonly configuration: Configuration; readonly kubernetesService: string },
): Map<string, string> {
  const result = new Map<string, string>([
    ["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    ["HOME", "/root"],
    ["HOSTNAME", pod.metadata.name],
    ["KUBERNETES_SERVICE_HOST", context.kubernetesService],
    ["KUBERNETES_SERVICE_PORT", "443"],
    ...Object.entries(image.environment ?? {}),
  ]);
  for (const { name, value, valueFrom } of container.env ?? []) {
    const { fieldRef, configMapKeyRef, secretKeyRef } = valueFrom ?? {};
    const reference = configMapKeyRef ?? secretKeyRef;
    if (fieldRef !== undefined) {
      result.set(name, fieldOf(pod, context.address, fieldRef.fieldPath));
    } else if (reference !== undefined) {
      const key = `${pod.metadata.namespace}/${reference.name}`;
      const found =
        configMapKeyRef === undefined
          ? decoded(context.configuration.secret(key)?.data?.[reference.key])
          : context.configuration.configMap(key)?.data?.[reference.key];
      if (found !== undefined) result.set(name, found);
      else if (reference.optional !== true) throw new Error(`${name}: ${key} has no key ${reference.key}`);
    } else if (valueFrom !== undefined) {
      throw new Error(`${name}: the local node knows no ${Object.keys(valueFrom).join()}`);
    } else {
      result.set(name, expand(value ?? "", result));
    }
  }
  return result;
}

function decoded(base64: string | undefined): string | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, "base64").toString();
}

/** The command line of a container. Fails when neither it nor its image has one. */
export function commandOf(container: V1Container, image: Image, environment: ReadonlyMap<string, string>): string[] {
  const command = container.command ?? image.entrypoint ?? [];
  const args = container.args ?? (container.command === undefined ? (image.command ?? []) : []);
  if (command.length + args.length === 0)
    throw new Error(`image ${container.image} has no command, and neither has the container`);
  return [...command, ...args].map((word) => expand(word, environment));
}

/** Replaces `$(NAME)` by the variable, unless it is unknown; `$$(NAME)` stays as `$(NAME)`. */
function expand(text: string, environment: ReadonlyMap<string, string>): string {
  return text.replace(/\$\$|\$\(([^()]+)\)/g, (whole, name?: string) => {
    if (name === undefined) return "$";
    return environment.get(name) ?? whole;
  });
}
