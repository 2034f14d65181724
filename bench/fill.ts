/** Puts the objects of a mesh into a real API server: pods as the webhook leaves them, Ready, each with its address. */
import { type KindName, kinds } from "../src/api/kinds.ts";
import type { KubernetesObject } from "../src/api/kubernetes.ts";
import type { KubeClient } from "../src/kube/client.ts";
import type { ObjectToWrite } from "../src/kube/objects.ts";
import { injectPod } from "../src/webhook/inject.ts";
import type { AdmissionPod } from "../src/webhook/pod.ts";
import { defaultInjectionSettings } from "../src/webhook/settings.ts";
import { serviceAccount } from "../test/support/kinds.ts";
import { application, type MeshSize, meshObjects, placeOf } from "./mesh-objects.ts";

const injection = defaultInjectionSettings("heddle-proxy:bench");

/** Runs what there is to do, this many at a time. */
async function concurrently(tasks: readonly (() => Promise<unknown>)[], width = 24): Promise<void> {
  const next = tasks.values();
  const worker = async (): Promise<void> => {
    for (const task of next) await task();
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** An object as its author writes it: the rest is the API server's to say. */
export function written(object: KubernetesObject): ObjectToWrite {
  const { name, namespace, labels } = object.metadata;
  const metadata = {
    ...{ name, ...(namespace === undefined ? {} : { namespace }), ...(labels === undefined ? {} : { labels }) },
  };
  const { endpoints } = object as { readonly endpoints?: readonly { readonly targetRef: object }[] };
  // The API server chooses the uid of a pod, so that a reference with another one would be stale.
  const named = endpoints?.map((each) => ({ ...each, targetRef: { ...each.targetRef, uid: undefined } }));
  return { ...object, metadata, ...(named && { endpoints: named }) } as ObjectToWrite;
}

async function createPod(client: KubeClient, pod: KubernetesObject): Promise<void> {
  const { metadata, ...given } = written(pod) as unknown as AdmissionPod & { readonly status: object };
  const { serviceAccountName, containers } = given.spec;
  const own = {
    metadata,
    spec: { serviceAccountName, containers: containers.map((each) => ({ ...each, ...application })) },
  };
  const namespace = { name: pod.metadata.namespace ?? "", enforced: false, annotations: {} };
  const injected = injectPod(own as AdmissionPod, namespace, injection);
  if (injected.kind !== "injected") throw new Error(`pod ${pod.metadata.name} gets no sidecar`);
  const created = await client.create(kinds.Pod, injected.pod as unknown as ObjectToWrite);
  await client.replaceStatus(kinds.Pod, { ...created, status: given.status } as ObjectToWrite);
}

/** Creates all of {@link meshObjects}, and the ServiceAccount of each workload. No controller need run. */
export async function fillCluster(client: KubeClient, size: MeshSize): Promise<void> {
  const objects = meshObjects(size);
  const create = (object: KubernetesObject) => () =>
    object.kind === "Pod"
      ? createPod(client, object)
      : client.create(kinds[object.kind as KindName], withoutAddress(written(object)));
  const of = (wanted: (kind: string) => boolean) => objects.filter(({ kind }) => wanted(kind)).map(create);
  await concurrently(of((kind) => kind === "Namespace"));
  await concurrently(
    Array.from(
      { length: size.services },
      (_, index) => () => client.create(serviceAccount, { metadata: placeOf(size, index) }),
    ),
  );
  await concurrently(of((kind) => kind !== "Namespace"));
}

/** The API server chooses the address of a Service. */
function withoutAddress(object: ObjectToWrite): ObjectToWrite {
  const { clusterIP, clusterIPs, ...spec } = (object as { spec?: Record<string, unknown> }).spec ?? {};
  return clusterIP === undefined && clusterIPs === undefined ? object : { ...object, spec };
}
