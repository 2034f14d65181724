import type { KubernetesObject, ObjectMeta } from "../api/kubernetes.ts";
import { ApiError } from "../kube/error.ts";
import type { EventRecorder } from "../kube/events.ts";
import type { Clock, Random } from "../ops/clock.ts";
import type { Logger } from "../ops/logger.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { Outcome } from "./work-queue.ts";

/** What every loop that writes to the API server needs. */
export interface WriterOptions {
  readonly isLeader: () => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "writes" | "queueDepth" | "queueWaitSeconds" | "queueRetries">;
  readonly onError: (key: string, error: unknown) => void;
  /** Says something of an object to people who look at it. */
  readonly record: EventRecorder["record"];
}

/**
 * What makes a write conflict unless the object still is the one that was looked at: without the uid, a server-side apply
 * to an object that is gone would bring it back, whatever its resourceVersion says.
 */
export function decidedOn(
  observed: KubernetesObject | undefined,
): Partial<Pick<ObjectMeta, "uid" | "resourceVersion">> {
  const { uid, resourceVersion } = observed?.metadata ?? {};
  return uid === undefined || resourceVersion === undefined ? {} : { uid, resourceVersion };
}

/**
 * Runs one write. A conflict means that the decision was made on an old version: it is made anew once the watch has
 * caught up. An object that is gone needs no write. Other failures are thrown, to be retried later each time.
 */
export async function retryConflicts(
  options: WriterOptions,
  kind: string,
  write: () => Promise<unknown>,
): Promise<Outcome> {
  const start = options.clock.monotonic();
  try {
    await write();
    options.logger.debug({ kind, milliseconds: options.clock.monotonic() - start }, "written");
    options.metrics.writes.inc({ kind, outcome: "success" });
    return "done";
  } catch (error) {
    const outcome = error instanceof ApiError ? error.class : "transient";
    options.metrics.writes.inc({ kind, outcome });
    if (outcome === "conflict") return "retry";
    if (outcome === "notFound") return "done";
    throw error;
  }
}
