/** The cluster as the local node sees and changes it. */
import { type Kind, kinds } from "../../src/api/kinds.ts";
import type { KubernetesObject } from "../../src/api/kubernetes.ts";
import { createClient } from "../../src/kube/client.ts";
import { createConnectionSource } from "../../src/kube/config.ts";
import type { ObjectOf } from "../../src/kube/objects.ts";
import { createReflector, type Reflector } from "../../src/kube/reflector.ts";
import { createStore, type Store } from "../../src/kube/store.ts";
import { createTransport, type HttpRequest } from "../../src/kube/transport.ts";
import { systemClock } from "../../src/ops/clock.ts";
import type { NodePod } from "./types.ts";

/** What a node needs of the API server. */
export type Api = ReturnType<typeof createApi>;

const nodeName = "local";

/** Connects to the API server that a kubeconfig names. */
export function createApi(kubeconfig: string, onError: (error: unknown) => void) {
  const transport = createTransport(createConnectionSource(kubeconfig, systemClock), systemClock);
  const client = createClient(transport, systemClock);
  const send = (method: HttpRequest["method"], path: string, value: object): Promise<unknown> => {
    const contentType = method === "PATCH" ? "application/strategic-merge-patch+json" : "application/json";
    const limits = { timeout: 10_000, maxBytes: 1 << 24 };
    return transport.request({ method, path, object: path, body: JSON.stringify(value), contentType, ...limits });
  };
  const pathOf = ({ metadata }: NodePod): string => `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`;

  const reflectors: Reflector[] = [];
  const watch = <K extends Kind>(kind: K): Store<ObjectOf<K> & KubernetesObject> => {
    const sink = createStore<ObjectOf<K> & KubernetesObject>();
    reflectors.push(createReflector({ client, kind, sink: sink as Store<ObjectOf<K>>, onError }));
    return sink;
  };
  return {
    pods: watch(kinds.Pod) as Store<NodePod>,
    services: watch(kinds.Service),
    slices: watch(kinds.EndpointSlice),
    configMaps: watch(kinds.ConfigMap),
    secrets: watch(kinds.Secret),
    /** Fills the stores and registers the node, ready. */
    async start(): Promise<void> {
      for (const reflector of reflectors) reflector.start();
      await Promise.all(reflectors.map((each) => each.whenSynced()));
      const status = { conditions: [{ type: "Ready", status: "True" }] };
      await send("POST", "/api/v1/nodes", { metadata: { name: nodeName }, status });
    },
    async stop(): Promise<void> {
      await Promise.all(reflectors.map((each) => each.stop()));
      client.close();
    },
    /** Whether a pod is this node's. One that is nobody's is made so. */
    async claim(pod: NodePod): Promise<boolean> {
      const { name, deletionTimestamp } = pod.metadata;
      if (pod.spec.nodeName !== undefined || deletionTimestamp !== undefined) return pod.spec.nodeName === nodeName;
      await send("POST", `${pathOf(pod)}/binding`, { metadata: { name }, target: { kind: "Node", name: nodeName } });
      return false;
    },
    /** A token of the pod's ServiceAccount, bound to the pod. */
    async token({ metadata, spec }: NodePod, audience: string | undefined, expirationSeconds: number): Promise<string> {
      const boundObjectRef = { apiVersion: "v1", kind: "Pod", name: metadata.name, uid: metadata.uid };
      const audiences = audience === undefined ? [] : [audience];
      const path = `/api/v1/namespaces/${metadata.namespace}/serviceaccounts/${spec.serviceAccountName}/token`;
      const answer = await send("POST", path, { spec: { audiences, expirationSeconds, boundObjectRef } });
      return (answer as { readonly status: { readonly token: string } }).status.token;
    },
    /** Writes the status of a pod. */
    tell: (pod: NodePod, status: object) =>
      send("PATCH", `${pathOf(pod)}/status`, { metadata: { uid: pod.metadata.uid }, status }),
    /** Deletes the object of a pod that has ended. */
    remove: (pod: NodePod) =>
      send("DELETE", pathOf(pod), { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } }),
  };
}
