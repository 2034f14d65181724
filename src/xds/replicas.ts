/**
 * What all replicas know of all proxies: a proxy has a stream to one of them, and any of them may have to know what it has
 * acknowledged (the leader for statuses, each for changes of mode). Every replica asks every other by a long poll.
 *
 *   ledger of this replica --------------------+
 *   page of another replica --poll, mutual TLS-+--> states: the connected one of what is known of a proxy
 *   another replica does not answer -----------+    its proxies count as disconnected from its last answer on
 */
import { type ClientHttp2Session, connect } from "node:http2";
import type { ProxyState, ProxyStates } from "../model/acknowledgement.ts";
import type { Replica } from "../model/replica.ts";
import { type Clock, type Random, sleep } from "../ops/clock.ts";
import type { Logger } from "../ops/logger.ts";
import type { StatesListener } from "./ledger.ts";
import { identityOf, onlyURI } from "./peer.ts";
import { createPageReader, type PageReader, parsePage, type ReplicaPage, replicaPath } from "./replica-page.ts";
import type { XdsCredentials } from "./server.ts";

/** Milliseconds in which a poll must be answered: how long the other waits, and time to answer. */
const timeoutMs = 10_000;
/** Milliseconds between tries; half of it is jitter. */
const retryMs = 2_000;
/** Milliseconds after a page until the next poll, in which changes come together. */
const pauseMs = 20;
const maximumBytes = 64 * 1024 * 1024;

/** See above. */
export interface Replicas {
  /** A live view. */
  readonly states: ProxyStates;
  /** The replicas that do not answer, by name. */
  readonly unreachable: readonly string[];
  /** Certificate, key and roots of this replica: the others have the same identity. Nobody is asked before. */
  setCredentials(credentials: XdsCredentials): void;
  /** Who the others are now. */
  setReplicas(replicas: readonly Replica[]): void;
  /** Forgets the proxies that are gone. */
  retain(exists: (pod: string) => boolean): void;
  /** Returns a function that ends the notifications. */
  onChange(listener: StatesListener): () => void;
  stop(): void;
}

interface Poller {
  readonly replica: Replica;
  readonly states: Map<string, ProxyState>;
  readonly ended: AbortController;
  epoch: string;
  cursor: number;
  session: ClientHttp2Session | undefined;
  /** Of what comes by the session. */
  reader: PageReader;
  /** Milliseconds since the epoch; undefined before the first. */
  lastAnswer: number | undefined;
  reachable: boolean;
}

/** Merges what this replica's server knows with what the others tell. */
export function createReplicas(options: {
  readonly local: { readonly states: ProxyStates; onChange(listener: StatesListener): () => void };
  /** Of ADS, at each replica. */
  readonly port: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}): Replicas {
  const { local, clock, logger } = options;
  const merged = new Map<string, ProxyState>();
  const pollers = new Map<string, Poller>();
  /** What replicas told that are gone. */
  const former = new Map<string, ProxyState>();
  const listeners = new Set<StatesListener>();
  let credentials: XdsCredentials | undefined;
  let identity: string | undefined;

  const note = (pods: ReadonlySet<string>): void => {
    for (const pod of pods) {
      const candidates = [
        local.states.get(pod),
        ...[...pollers.values()].map(({ states }) => states.get(pod)),
        former.get(pod),
      ];
      const best = candidates.reduce(better, undefined);
      if (best === undefined) merged.delete(pod);
      else merged.set(pod, best);
      if (local.states.get(pod)?.connected === true) former.delete(pod);
    }
    for (const listener of listeners) listener(pods);
  };
  local.onChange(note);

  const loseAll = ({ states, lastAnswer = clock.now() }: Poller): void => {
    for (const [pod, state] of states) states.set(pod, lost(state, lastAnswer));
  };

  const take = (poller: Poller, page: ReplicaPage): void => {
    const now = clock.now();
    const told = poller.reader.read(page, now);
    if (page.epoch !== poller.epoch) {
      // Another process: what the one before knew and this one does not say is over.
      loseAll(poller);
    }
    const changed = new Set(page.epoch === poller.epoch ? [] : poller.states.keys());
    poller.epoch = page.epoch;
    poller.cursor = page.cursor;
    for (const [pod, state] of told) {
      poller.states.set(pod, state);
      changed.add(pod);
    }
    poller.lastAnswer = now;
    if (!poller.reachable) logger.info({ replica: poller.replica.name }, "another replica tells of its proxies");
    poller.reachable = true;
    if (changed.size > 0) note(changed);
  };

  const lose = (poller: Poller, error: unknown): void => {
    poller.session?.destroy();
    poller.session = undefined;
    if (!poller.reachable) return;
    poller.reachable = false;
    const { name, address } = poller.replica;
    logger.warn(
      { replica: name, address, error },
      "another replica does not answer: its proxies count as disconnected",
    );
    // What it said last may be outdated, so all of it is asked for again.
    poller.epoch = "";
    loseAll(poller);
    note(new Set(poller.states.keys()));
  };

  const poll = async (poller: Poller): Promise<void> => {
    const { signal } = poller.ended;
    while (!signal.aborted) {
      let pause = pauseMs;
      try {
        const page = await ask(poller);
        if (signal.aborted) return;
        take(poller, page);
        if (page.more) pause = 0;
      } catch (error) {
        if (signal.aborted) return;
        // A connection that was closed for new credentials, or by the other's restart, is tried again at once.
        lose(poller, error);
        pause = retryMs * (0.5 + options.random() / 2);
      }
      if (pause > 0) await sleep(clock, pause, signal);
    }
  };

  const ask = (poller: Poller): Promise<ReplicaPage> =>
    new Promise((resolve, reject) => {
      const session = sessionOf(poller);
      const query = new URLSearchParams({ epoch: poller.epoch, cursor: String(poller.cursor) });
      const stream = session.request({ ":path": `${replicaPath}?${query.toString()}` }, { endStream: true });
      const timer = clock.setTimeout(() => fail(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
      const onAbort = (): void => fail(new Error("ended"));
      const settle = (): void => {
        timer.cancel();
        poller.ended.signal.removeEventListener("abort", onAbort);
        session.off("error", fail);
      };
      function fail(error: Error): void {
        settle();
        stream.destroy();
        reject(error);
      }
      poller.ended.signal.addEventListener("abort", onAbort, { once: true });
      session.once("error", fail);
      let status = 0;
      const chunks: Buffer[] = [];
      let bytes = 0;
      stream.on("response", (headers) => {
        status = Number(headers[":status"]);
      });
      stream.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maximumBytes) fail(new Error("the answer is too large"));
        else chunks.push(chunk);
      });
      stream.once("error", fail);
      stream.once("close", () => {
        settle();
        try {
          if (status !== 200) throw new Error(`it answered ${status}`);
          resolve(parsePage(Buffer.concat(chunks).toString("utf8")));
        } catch (error) {
          reject(error);
        }
      });
    });

  const sessionOf = (poller: Poller): ClientHttp2Session => {
    if (poller.session !== undefined && !poller.session.closed && !poller.session.destroyed) return poller.session;
    if (credentials === undefined) throw new Error("this replica has no certificate yet");
    const { address } = poller.replica;
    const host = address.includes(":") ? `[${address}]` : address;
    const session = connect(`https://${host}:${options.port}`, {
      ...credentials,
      minVersion: "TLSv1.2",
      // Replicas are reached by address; who answers is told by the identity, which all replicas share.
      checkServerIdentity: (_, certificate) =>
        identity !== undefined && onlyURI(certificate.raw) === identity
          ? undefined
          : new Error("who answers is no replica of the operator"),
    });
    session.on("error", () => session.destroy());
    session.unref();
    poller.session = session;
    poller.reader = createPageReader();
    return session;
  };

  const end = (poller: Poller): void => {
    poller.ended.abort();
    poller.session?.destroy();
    for (const [pod, state] of poller.states) {
      const known = better(former.get(pod), lost(state, poller.lastAnswer ?? clock.now()));
      if (known !== undefined) former.set(pod, known);
    }
  };

  return {
    states: merged,
    get unreachable() {
      return [...pollers.values()].filter(({ reachable }) => !reachable).map(({ replica }) => replica.name);
    },
    setCredentials: (next) => {
      const isFirst = credentials === undefined;
      credentials = next;
      identity = identityOf(next.cert);
      if (isFirst) for (const poller of pollers.values()) void poll(poller);
    },
    setReplicas: (replicas) => {
      const wanted = new Map(replicas.map((replica) => [`${replica.name} ${replica.address}`, replica]));
      for (const [key, poller] of pollers) {
        if (wanted.has(key)) continue;
        pollers.delete(key);
        end(poller);
        note(new Set(poller.states.keys()));
      }
      for (const [key, replica] of wanted) {
        if (pollers.has(key)) continue;
        const poller: Poller = {
          replica,
          states: new Map(),
          ended: new AbortController(),
          epoch: "",
          cursor: 0,
          session: undefined,
          reader: createPageReader(),
          lastAnswer: undefined,
          reachable: false,
        };
        pollers.set(key, poller);
        if (credentials !== undefined) void poll(poller);
      }
    },
    retain: (exists) => {
      for (const pod of former.keys()) if (!exists(pod)) former.delete(pod);
      for (const { states } of pollers.values()) for (const pod of states.keys()) if (!exists(pod)) states.delete(pod);
      const gone = [...merged.keys()].filter((pod) => !exists(pod));
      if (gone.length > 0) note(new Set(gone));
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: () => {
      for (const poller of pollers.values()) end(poller);
    },
  };
}

/** The one that has a stream; of two that have, or have not, the one to which that happened last. */
function better(a: ProxyState | undefined, b: ProxyState | undefined): ProxyState | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  if (a.connected !== b.connected) return a.connected ? a : b;
  return b.since > a.since ? b : a;
}

/** What is known of a proxy whose replica said something for the last time at `time`. */
const lost = (state: ProxyState, time: number): ProxyState =>
  state.connected ? { ...state, connected: false, since: time } : state;
