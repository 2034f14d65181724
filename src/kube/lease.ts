/**
 * Leader election on a coordination.k8s.io Lease, by the rules of client-go's leaderelection package, so that its
 * guarantees are the known ones: at most one leader as long as clocks run at about the same rate (they may be set
 * differently), and none while the API server is away. It is no fence: writes carry the resourceVersion they were decided on.
 */
import { kinds } from "../api/kinds.ts";
import type { ObjectMeta } from "../api/kubernetes.ts";
import { type Clock, type Random, sleep, systemClock } from "../ops/clock.ts";
import type { KubeClient } from "./client.ts";
import { isApiError } from "./error.ts";
import type { Lease, ObjectName } from "./objects.ts";

/** When the content of a lease that others hold was last seen to change, on the local clock's monotonic scale. */
export interface LeaseObservation {
  /** The spec as JSON; empty while none was seen. */
  readonly content: string;
  readonly at: number;
}

/** What to do about a lease. */
export type LeaseDecision =
  /** There is none: create it. */
  | "create"
  /** Nobody holds it, or its holder has been silent for its whole duration: take it. */
  | "take"
  /** It is ours: renew it. */
  | "renew"
  /** Someone else's: wait. */
  | "wait";

/** The observation after a look at the lease: moves only when the content has changed. */
export function observe(previous: LeaseObservation, lease: Lease | undefined, now: number): LeaseObservation {
  const content = lease === undefined ? "" : JSON.stringify(lease.spec ?? {});
  return content === previous.content ? previous : { content, at: now };
}

/**
 * Decides about a lease. Times that the holder wrote are not read: its clock may be any.
 *
 * @param now monotonic milliseconds, on the scale of the observation
 * @param duration milliseconds, for a lease that does not say its own
 */
export function decide(
  lease: Lease | undefined,
  observation: LeaseObservation,
  identity: string,
  now: number,
  duration: number,
): LeaseDecision {
  if (lease === undefined) return "create";
  const holder = lease.spec?.holderIdentity ?? "";
  if (holder === identity) return "renew";
  if (holder === "") return "take";
  const seconds = lease.spec?.leaseDurationSeconds;
  const validity = typeof seconds === "number" ? seconds * 1000 : duration;
  return now >= observation.at + validity ? "take" : "wait";
}

/** What an election needs. */
export interface LeaderElectionOptions {
  readonly client: Pick<KubeClient, "get" | "create" | "replace">;
  readonly lease: ObjectName & { readonly namespace: string };
  /** Labels that it carries, besides those of others. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Unique per process: two candidates of one identity would both lead. */
  readonly identity: string;
  /** Called when this process has become the leader. What it throws is reported. */
  readonly onStarted: () => void;
  /**
   * Called when it no longer is. When `stop` is why, the lease is released only once this has resolved: whatever the
   * leader does must have ended then.
   */
  readonly onStopped: () => void | Promise<void>;
  /** Told who leads, each time that changes; empty when nobody does. */
  readonly onLeader?: (identity: string) => void;
  readonly onError?: (error: unknown) => void;
  /** Milliseconds after which others may take a lease that was not renewed; whole seconds. */
  readonly leaseDuration?: number;
  /** Milliseconds after its last renewal at which a leader stops leading. Below the duration. */
  readonly renewDeadline?: number;
  /** Milliseconds between tries. */
  readonly retryPeriod?: number;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** One candidate. */
export interface LeaderElection {
  /** Whether this process leads now: by the clock too, should the event loop have been stopped for long. */
  readonly leading: boolean;
  /** Identity of the leader as last seen; empty when unknown or nobody. */
  readonly leader: string;
  start(): void;
  /** Stops leading, releases the lease, resolves when done. Never rejects. */
  stop(): Promise<void>;
}

/** Spread of the candidates' tries: up to so many periods are added (client-go's JitterFactor). */
const jitter = 1.2;

/** Creates a candidate; nothing happens before `start`. */
export function createLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const { client, identity } = options;
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const duration = options.leaseDuration ?? 15_000;
  const deadline = options.renewDeadline ?? 10_000;
  const period = options.retryPeriod ?? 2_000;
  if (!(duration > deadline && deadline > period)) {
    throw new Error(`leader election: ${duration} (lease) > ${deadline} (deadline) > ${period} (period) must hold`);
  }

  let controller: AbortController | undefined;
  let running: Promise<void> = Promise.resolve();
  let leading = false;
  let leader = "";
  let observation: LeaseObservation = { content: "", at: clock.monotonic() };
  /** Our lease as we last wrote it: renewed without a read. */
  let held: Lease | undefined;
  /** When the last successful renewal was begun, on the monotonic scale. */
  let renewedAt = 0;

  const report = (error: unknown): void => {
    try {
      options.onError?.(error);
    } catch {
      // A reporter that fails has nobody to report to.
    }
  };
  const guarded = async (action: () => void | Promise<void>): Promise<void> => {
    try {
      await action();
    } catch (error) {
      report(error);
    }
  };
  const remaining = (): number => renewedAt + deadline - clock.monotonic();

  const spec = (from: Lease | undefined, decision: LeaseDecision): NonNullable<Lease["spec"]> => {
    const time = microTime(clock.now());
    const transitions = from?.spec?.leaseTransitions ?? 0;
    return {
      ...from?.spec,
      holderIdentity: identity,
      leaseDurationSeconds: Math.round(duration / 1000),
      acquireTime: decision === "renew" ? (from?.spec?.acquireTime ?? time) : time,
      renewTime: time,
      leaseTransitions: decision === "take" ? transitions + 1 : transitions,
    };
  };

  const labelled = <T extends ObjectMeta>(metadata: T): T =>
    options.labels === undefined ? metadata : { ...metadata, labels: { ...metadata.labels, ...options.labels } };

  const write = async (from: Lease | undefined, decision: LeaseDecision, timeout: number): Promise<void> => {
    const begun = clock.monotonic();
    const call = { timeout };
    held =
      from === undefined
        ? await client.create(kinds.Lease, { metadata: labelled(options.lease), spec: spec(from, decision) }, call)
        : await client.replace(
            kinds.Lease,
            { ...from, metadata: labelled(from.metadata), spec: spec(from, decision) },
            call,
          );
    renewedAt = begun;
  };

  const sawLeader = async (next: string): Promise<void> => {
    if (next === leader) return;
    leader = next;
    await guarded(() => options.onLeader?.(next));
  };

  /** One try to take or keep the lease. @returns whether it is ours now */
  const attempt = async (): Promise<boolean> => {
    const timeout = leading ? Math.max(1, Math.min(remaining(), deadline / 2)) : deadline / 2;
    if (leading && held !== undefined) {
      try {
        await write(held, "renew", timeout);
        return true;
      } catch (error) {
        if (!isApiError(error, "conflict", "notFound")) throw error;
        held = undefined; // Someone has written it: look at what.
      }
    }
    let lease: Lease | undefined;
    try {
      lease = await client.get(kinds.Lease, options.lease, { timeout });
    } catch (error) {
      if (!isApiError(error, "notFound")) throw error;
    }
    observation = observe(observation, lease, clock.monotonic());
    const decision = decide(lease, observation, identity, clock.monotonic(), duration);
    if (decision === "wait") {
      await sawLeader(lease?.spec?.holderIdentity ?? "");
      return false;
    }
    await write(lease, decision, timeout);
    return true;
  };

  const lose = async (): Promise<void> => {
    if (!leading) return;
    leading = false;
    held = undefined;
    if (leader === identity) await sawLeader("");
    await guarded(options.onStopped);
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      // After a long stop of the process others may lead already: no write may come before this check.
      if (leading && remaining() <= 0) await lose();
      try {
        if (!(await attempt())) await lose();
        else if (!leading && !signal.aborted) {
          leading = true;
          await sawLeader(identity);
          await guarded(options.onStarted);
        }
      } catch (error) {
        report(error);
      }
      const pause = leading ? Math.min(period, Math.max(0, remaining())) : period * (1 + jitter * random());
      await sleep(clock, pause, signal);
    }
  };

  const release = async (): Promise<void> => {
    const lease = held;
    const stopped = lose();
    await Promise.race([stopped, sleep(clock, Math.max(0, remaining()))]);
    // When the time is over, whatever the leader did may still run: let the lease run out by itself.
    let from = lease;
    for (let tries = 0; tries < 3 && from?.spec?.holderIdentity === identity && remaining() > 0; tries++) {
      const released = { ...spec(from, "renew"), holderIdentity: "", leaseDurationSeconds: 1 };
      try {
        await client.replace(kinds.Lease, { ...from, spec: released } as Lease, { timeout: Math.max(1, remaining()) });
        return;
      } catch (error) {
        // Others would wait for it to run out. A renewal whose answer was lost is seen by a look.
        report(error);
        from = await client.get(kinds.Lease, options.lease, { timeout: Math.max(1, remaining()) });
      }
    }
  };

  return {
    get leading() {
      return leading && remaining() > 0;
    },
    get leader() {
      return leader;
    },
    start: () => {
      if (controller !== undefined) return;
      controller = new AbortController();
      running = run(controller.signal).catch(report);
    },
    stop: async () => {
      if (controller === undefined || controller.signal.aborted) return await running;
      controller.abort();
      running = running.then(release).catch(report);
      await running;
    },
  };
}

/** metav1.MicroTime of a moment in milliseconds since the epoch. */
export function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace("Z", "000Z");
}
