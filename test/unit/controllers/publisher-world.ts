/** What the tests of the publisher share. */
import type { ConfigMap } from "../../../src/api/kubernetes.ts";
import { createPublisher } from "../../../src/controllers/publisher.ts";
import type { SeenRecord } from "../../../src/controllers/record-difference.ts";
import { seenRecord } from "../../../src/controllers/record-difference.ts";
import type { KubeClient } from "../../../src/kube/client.ts";
import { ApiError } from "../../../src/kube/error.ts";
import type { DesiredObject, DesiredRecord } from "../../../src/model/output.ts";
import { keys, manager } from "../../../src/model/sidecar.ts";
import { createMetrics } from "../../../src/ops/metrics.ts";
import { desiredRecord } from "../../support/desired-record.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { queueTurns } from "../../support/queue-turns.ts";

/** What the compile wants. */
export const wanted = (name: string, text: string, annotations: Readonly<Record<string, string>> = {}): DesiredRecord =>
  desiredRecord({ name }, { "bootstrap.yaml": text }, { annotations });

/** The same, in words. */
export const written = (...of: Parameters<typeof wanted>): DesiredObject => wanted(...of).object();

/** A publisher over a small API server: what is written is stored at once, and seen when the test says so. */
export function setUp({ echo = true, early = 0 }: { readonly echo?: boolean; readonly early?: number } = {}) {
  /** What happens to an object after it was created and before the API server has answered. */
  const unanswered: ((name: string) => void)[] = [];
  const fake = createFakeClock();
  /** Long timers fire so many milliseconds early, as Node's do by up to one. */
  const setTimeout: typeof fake.setTimeout = (action, milliseconds) =>
    fake.setTimeout(action, milliseconds > 1000 ? milliseconds - early : milliseconds);
  const clock = { ...fake, setTimeout };
  const stored = new Map<string, ConfigMap>();
  const observed = new Map<string, SeenRecord>();
  const calls: string[] = [];
  const events: string[] = [];
  const notes: string[] = [];
  /** Contents that the API server refuses, as one that is too large. */
  const refused = new Set<string>();
  const leaving = new Set<string>();
  /** It leads from one of these calls on until it has made another; from the start if the first is empty. */
  const leading = { from: "", until: "" };
  const metrics = createMetrics();
  let version = 1;
  const errorOf = (status: number, reason: string, of: ConstructorParameters<typeof ApiError>[0]["class"]) =>
    new ApiError({ status, reason, message: reason, object: "", class: of });
  const see = (name: string): void => {
    const object = stored.get(`shop/${name}`);
    // The watch selects by the label.
    if (object?.metadata.labels?.[keys.managedBy] !== manager) observed.delete(`shop/${name}`);
    else observed.set(`shop/${name}`, seenRecord(object));
    publisher.observe(`shop/${name}`);
  };
  const store = (object: ConfigMap): ConfigMap => {
    const { name } = object.metadata;
    if (refused.has(object.data?.["bootstrap.yaml"] ?? "")) throw errorOf(422, "Invalid", "terminal");
    const uid = stored.get(`shop/${name}`)?.metadata.uid ?? `uid-${version}`;
    const next = { ...object, metadata: { ...object.metadata, uid, resourceVersion: String(version++) } };
    stored.set(`shop/${name}`, next);
    if (echo) queueMicrotask(() => see(name));
    return next;
  };
  const demand = (name: string, expected: { uid?: string; resourceVersion?: string }): ConfigMap => {
    const current = stored.get(`shop/${name}`);
    if (current === undefined) throw errorOf(404, "NotFound", "notFound");
    for (const field of ["uid", "resourceVersion"] as const)
      if (expected[field] !== undefined && expected[field] !== current.metadata[field])
        throw errorOf(409, "Conflict", "conflict");
    return current;
  };
  const client = {
    get: async (_kind: unknown, { name }: { name: string }) => demand(name, {}),
    create: async (_kind: unknown, object: ConfigMap) => {
      calls.push(`create ${object.metadata.name}`);
      if (stored.has(`shop/${object.metadata.name}`)) throw errorOf(409, "AlreadyExists", "conflict");
      const created = store(object);
      unanswered.shift()?.(object.metadata.name);
      return created;
    },
    apply: async (_kind: unknown, object: ConfigMap) => {
      const { name, uid, resourceVersion } = object.metadata;
      calls.push(`apply ${name} ${uid ?? "-"} ${resourceVersion ?? "-"}`);
      const current = demand(name, object.metadata);
      if (current.immutable === true) throw errorOf(422, "Invalid", "terminal");
      return store({
        ...current,
        data: { ...current.data, ...object.data },
        metadata: { ...current.metadata, ...object.metadata },
      });
    },
    replace: async (_kind: unknown, object: ConfigMap) => {
      calls.push(`replace ${object.metadata.name} ${object.metadata.resourceVersion ?? "-"}`);
      demand(object.metadata.name, object.metadata);
      return store(object);
    },
    delete: async (_kind: unknown, { name }: { name: string }, { preconditions }: { preconditions: object }) => {
      calls.push(`delete ${name} ${JSON.stringify(preconditions)}`);
      demand(name, preconditions);
      stored.delete(`shop/${name}`);
      if (echo) queueMicrotask(() => see(name));
    },
  } as unknown as KubeClient;
  const restoring: string[] = [];
  const publisher = createPublisher({
    client,
    observed: () => observed,
    isLeader: () => (leading.from === "" || calls.includes(leading.from)) && !calls.includes(leading.until),
    isLeaving: (namespace) => leaving.has(namespace),
    onRestoring: () => restoring.push(publisher.restoring.map(({ metadata }) => metadata.name).join()),
    clock,
    random: () => 1,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    metrics,
    onError: (key, error) => calls.push(`error ${key} ${String(error)}`),
    record: ({ metadata }, { reason, note }) => {
      events.push(reason);
      notes.push(`${metadata.name}: ${note}`);
    },
  });
  /** Somebody else's write. */
  const edit = (name: string, change: (object: ConfigMap) => ConfigMap): void => {
    const current = stored.get(`shop/${name}`);
    if (current !== undefined) store(change(current));
  };
  /** How many keys have had a turn in the queue. */
  const turns = () => queueTurns(metrics, "configmaps");
  return {
    clock,
    turns,
    stored,
    observed,
    calls,
    events,
    notes,
    refused,
    leaving,
    leading,
    unanswered,
    publisher,
    restoring,
    store,
    see,
    edit,
  };
}
