/**
 * Events (events.k8s.io/v1): what `kubectl describe` shows below an object. A courtesy to people: bounded, said once,
 * and never a reason for anything else to fail or to wait.
 */
import { createHash } from "node:crypto";
import { kinds } from "../api/kinds.ts";
import type { KubernetesObject } from "../api/kubernetes.ts";
import { type Clock, type Random, sleep, systemClock } from "../ops/clock.ts";
import { backoff } from "./backoff.ts";
import type { KubeClient } from "./client.ts";
import { isApiError } from "./error.ts";
import { microTime } from "./lease.ts";
import type { KubernetesEvent } from "./objects.ts";

/** What is to be said of an object. */
export interface EventNote {
  readonly type: "Normal" | "Warning";
  /** Why, in UpperCamelCase, such as `ForeignEdit`. At most 128 characters. */
  readonly reason: string;
  /** What was done, in UpperCamelCase, such as `Restore`. At most 128 characters. */
  readonly action: string;
  /** For people; cut at 1024 bytes. */
  readonly note: string;
}

/** What a recorder needs. */
export interface EventRecorderOptions {
  readonly client: Pick<KubeClient, "create">;
  /** Name of the controller, such as `heddle.dev/operator`. */
  readonly controller: string;
  /** Name of the pod. */
  readonly instance: string;
  readonly onError?: (error: unknown) => void;
  /** Milliseconds for which the same event of the same object is not said again. */
  readonly window?: number;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** Writes events in the background. */
export interface EventRecorder {
  /** Events that were given up: because too many waited, or one object had too many, or the server did not take them. */
  readonly dropped: number;
  /** Queues an event. Returns at once; never throws. */
  record(regarding: KubernetesObject, note: EventNote): void;
  /** Takes no more events; resolves when what was queued is written, or after so many milliseconds. Never rejects. */
  stop(within?: number): Promise<void>;
}

const queueLimit = 100;
/** Different events of one object within a window: more say nothing to people, and are likely a loop. */
const perObject = 25;
const objectLimit = 1_000;
const tries = 4;

/** Creates a recorder. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const window = options.window ?? 10 * 60_000;
  /** By object: what was said since when. Objects in the order in which their window began. */
  const said = new Map<string, { readonly since: number; readonly notes: Set<string> }>();
  const queue: KubernetesEvent[] = [];
  const stopping = new AbortController();
  let dropped = 0;
  let stopped = false;
  let working: Promise<void> | undefined;

  const isNews = (regarding: KubernetesObject, note: EventNote): boolean => {
    const { metadata, kind } = regarding;
    const object = JSON.stringify([kind, metadata.namespace, metadata.name, metadata.uid]);
    const now = clock.monotonic();
    let entry = said.get(object);
    if (entry === undefined || now - entry.since >= window) {
      said.delete(object);
      entry = { since: now, notes: new Set() };
      said.set(object, entry);
      const oldest = said.size > objectLimit ? said.keys().next().value : undefined;
      if (oldest !== undefined) said.delete(oldest);
    }
    const text = createHash("sha256")
      .update(JSON.stringify([note.type, note.reason, note.action, note.note]))
      .digest("base64");
    if (entry.notes.has(text)) return false;
    if (entry.notes.size >= perObject) {
      dropped += 1;
      return false;
    }
    entry.notes.add(text);
    return true;
  };

  const eventOf = (regarding: KubernetesObject, note: EventNote): KubernetesEvent => {
    const { name, namespace, uid } = regarding.metadata;
    const unique = `${clock.now().toString(16)}${Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, "0")}`;
    return {
      apiVersion: kinds.Event.apiVersion,
      kind: kinds.Event.kind,
      // An event lives in its object's namespace; that of a cluster-scoped object, in `default`.
      metadata: {
        name: `${name.slice(0, 200).replace(/[^a-z0-9]+$/, "")}.${unique}`,
        namespace: namespace ?? "default",
      },
      eventTime: microTime(clock.now()),
      reportingController: options.controller.slice(0, 128),
      reportingInstance: options.instance.slice(0, 128),
      action: note.action.slice(0, 128),
      reason: note.reason.slice(0, 128),
      type: note.type,
      note: cut(note.note, 1024),
      regarding: {
        apiVersion: regarding.apiVersion,
        kind: regarding.kind,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
      },
    };
  };

  const write = async (event: KubernetesEvent): Promise<void> => {
    for (let attempt = 0; attempt < tries; attempt += 1) {
      try {
        await options.client.create(kinds.Event, event, { timeout: 10_000, signal: stopping.signal });
        return;
      } catch (error) {
        const again = isApiError(error, "transient") && attempt + 1 < tries && !stopping.signal.aborted;
        if (!again) throw error;
        await sleep(clock, backoff(attempt, { base: 500, cap: 10_000 }, random, error.retryAfter), stopping.signal);
      }
    }
  };

  const work = async (): Promise<void> => {
    for (let event = queue.shift(); event !== undefined; event = queue.shift()) {
      try {
        await write(event);
      } catch (error) {
        // Its object or namespace is gone, the role is missing, the server is away: the event is not worth more.
        dropped += 1;
        try {
          options.onError?.(error);
        } catch {
          // A reporter that fails has nobody to report to.
        }
      }
    }
    working = undefined;
  };

  return {
    get dropped() {
      return dropped;
    },
    record: (regarding, note) => {
      if (stopped || !isNews(regarding, note)) return;
      if (queue.length >= queueLimit) {
        dropped += 1;
        return;
      }
      queue.push(eventOf(regarding, note));
      working ??= work();
    },
    stop: async (within = 2_000) => {
      stopped = true;
      if (working === undefined) return;
      const timer = clock.setTimeout(() => {
        dropped += queue.length;
        queue.length = 0;
        stopping.abort();
      }, within);
      await working;
      timer.cancel();
    },
  };
}

/** The text, at most so many bytes of UTF-8, not cut within a character. */
function cut(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  const kept = Buffer.from(text)
    .subarray(0, bytes - 3)
    .toString("utf8")
    .replace(/\uFFFD+$/, "");
  return `${kept}…`;
}
