/** A cluster that changes event by event, as the watches see it, and a compile that follows it. */
import type { KindName } from "../../src/api/kinds.ts";
import type { KubernetesObject } from "../../src/api/kubernetes.ts";
import { isCompiledChange, watches } from "../../src/controllers/watches.ts";
import { createStore, type Store } from "../../src/kube/store.ts";
import { objectKey } from "../../src/model/object-key.ts";
import type { Snapshot } from "../../src/model/snapshot.ts";
import { clusterOf, type GivenObject } from "./objects.ts";

const kinds = {
  Namespace: "namespaces",
  Service: "services",
  EndpointSlice: "endpointSlices",
  Pod: "pods",
  TrafficSplit: "trafficSplits",
  AuthorizationPolicy: "authorizationPolicies",
  MeshTLS: "meshTLS",
} as const satisfies Partial<Record<KindName, keyof Snapshot>>;

type Kind = keyof typeof kinds;

const kindNames = Object.keys(kinds) as Kind[];

/** One event of a watch. */
type Event = { readonly kind: Kind; readonly object: KubernetesObject; readonly isGone: boolean };

/** What the watches have seen. */
export class FollowedCluster {
  readonly #stores = new Map<Kind, Store<KubernetesObject>>(kindNames.map((kind) => [kind, createStore()]));
  #version = 0;
  /** Whether anything has changed that a compile reads, since this was set to false. */
  isDirty = false;

  constructor() {
    for (const [kind, store] of this.#stores) {
      const watch = watches.find((candidate) => candidate.kind === kind);
      if (watch === undefined) throw new Error(`nobody watches ${kind}`);
      store.listen((changes) => {
        this.isDirty ||= changes.some(({ before, after }) => isCompiledChange(watch, before, after));
      });
    }
  }

  get snapshot(): Snapshot {
    const of = (kind: Kind) => this.#stores.get(kind)?.entries() ?? new Map();
    return Object.fromEntries(kindNames.map((kind) => [kinds[kind], of(kind)])) as unknown as Snapshot;
  }

  /** The events that lead to these objects, in an order that the number decides. */
  eventsTo(objects: readonly GivenObject[], order: number): readonly Event[] {
    const wanted = clusterOf(objects);
    const events = kindNames.flatMap((kind) => {
      const there = this.#stores.get(kind)?.entries() ?? new Map<string, KubernetesObject>();
      const next: ReadonlyMap<string, KubernetesObject> = wanted[kinds[kind]];
      return [
        ...[...next.values()].map((object) => ({ kind, object, isGone: false })),
        ...[...there].filter(([key]) => !next.has(key)).map(([, object]) => ({ kind, object, isGone: true })),
      ];
    });
    const rank = ({ kind, object }: Event) => hash(`${order} ${kind} ${objectKey(object)}`);
    return events.toSorted((a, b) => rank(a) - rank(b));
  }

  see({ kind, object, isGone }: Event): void {
    const store = this.#stores.get(kind);
    if (isGone) store?.delete(object);
    else store?.apply(this.#kept(kind, object));
  }

  /** Every object of a kind comes again, as after a relist: other values with the same content, of another version. */
  relist(kind: Kind): void {
    const store = this.#stores.get(kind);
    store?.reset([...store.entries().values()].map((object) => this.#kept(kind, structuredClone(object))));
  }

  /** Changes of all objects that no compile reads. */
  disturb(): void {
    const note = { note: String(this.#version) };
    for (const kind of kindNames) {
      for (const object of this.#stores.get(kind)?.entries().values() ?? []) {
        const { metadata } = structuredClone(object);
        const isPod = kind === "Pod";
        const isOurs = ["TrafficSplit", "AuthorizationPolicy", "MeshTLS"].includes(kind);
        this.see({
          kind,
          isGone: false,
          object: {
            ...structuredClone(object),
            metadata: {
              ...metadata,
              annotations: { ...metadata.annotations, ...note },
              // Those of pods are what workloads are told apart by, and one of slices names the Service.
              ...(isPod ? {} : { labels: { ...metadata.labels, ...note } }),
              managedFields: [note],
            },
            ...(isOurs ? { status: note } : {}),
          } as KubernetesObject,
        });
      }
    }
  }

  #kept(kind: Kind, object: KubernetesObject): KubernetesObject {
    const watch = watches.find((candidate) => candidate.kind === kind);
    this.#version += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.#version) };
    return watch?.trim({ ...object, metadata }) ?? object;
  }
}

/** The kinds that can be listed again. */
export const listedKinds: readonly Kind[] = kindNames;

function hash(text: string): number {
  let found = 0;
  for (const character of text) found = (found * 31 + (character.codePointAt(0) ?? 0)) % 1_000_003;
  return found;
}
