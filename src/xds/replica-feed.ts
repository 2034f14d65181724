/** Tells other replicas what the proxies of this one have acknowledged. See `replica-page.ts`. */
import type { Http2Session, ServerHttp2Stream } from "node:http2";
import { type ResourceGroup, resourceTypes } from "../envoy/resource.ts";
import { remembered } from "../model/remember.ts";
import { accountOf, hasAll } from "./account.ts";
import type { Ledger } from "./ledger.ts";
import { type GroupEntry, type ProxyEntry, type ReplicaPage, type ResourceEntry, replicaPath } from "./replica-page.ts";

/** Milliseconds for which a poll waits for something to tell. */
const waitMs = 5_000;
/** What ends a page, which is then some megabytes at most; and how much is told by a connection until something is forgotten. */
const defaultLimits = { proxies: 500, resources: 20_000, groups: 1_024 };
/** Polls at once: one per other replica, and some whose end is not seen yet. */
const maximumPolls = 32;

/** Answers polls. */
export interface ReplicaFeed {
  /** Whether a request is a poll: its `:path`. */
  isPoll(path: string | undefined): boolean;
  /** Answers a poll of a replica; the caller has made sure that it is one. */
  serve(stream: ServerHttp2Stream, path: string): void;
  /** Answers all polls that wait, and those that come, with 503. */
  close(): void;
}

/** A feed of this ledger. `epoch` names this process, as no other is named. */
export function createReplicaFeed(
  ledger: Pick<Ledger, "states" | "session" | "onChange">,
  epoch: string,
  now: () => number,
  limits: typeof defaultLimits = defaultLimits,
): ReplicaFeed {
  /** The number of each pod's last change; in the order of these numbers. */
  const changes = new Map<string, number>();
  const waiting = new Set<() => void>();
  /** By connection. */
  const memories = new WeakMap<Http2Session, Told>();
  let last = 0;
  let polls = 0;
  let closed = false;

  ledger.onChange((pods) => {
    for (const pod of pods) {
      changes.delete(pod);
      if (ledger.states.has(pod)) changes.set(pod, ++last);
    }
    for (const wake of [...waiting]) wake();
  });

  const isUsed = (): ((group: ResourceGroup) => boolean) => {
    const used = new Set<ResourceGroup>();
    for (const pod of ledger.states.keys())
      for (const group of ledger.session(pod)?.target.groups ?? []) used.add(group);
    for (const { parts = [] } of [...used]) for (const part of parts) used.add(part);
    return (group) => used.has(group);
  };

  const pageAfter = (cursor: number, memory: Told): ReplicaPage => {
    const due = [...changes].filter(([, number]) => number > cursor);
    const forgotten = memory.forget(isUsed);
    const groups: GroupEntry[] = [];
    const proxies: ProxyEntry[] = [];
    let [at, named] = [0, 0];
    for (; at < due.length && at < limits.proxies && (at === 0 || named < limits.resources); at += 1) {
      const [pod = ""] = due[at] ?? [];
      const state = ledger.states.get(pod);
      const session = ledger.session(pod);
      if (state === undefined || session === undefined) continue;
      const own = session.target.groups;
      const told = own.flatMap((group) => memory.tell(group));
      groups.push(...told);
      const account = accountOf(session);
      proxies.push({
        ...{ pod, connected: state.connected, age: Math.max(0, now() - state.since) },
        ...{ groups: own.map(({ hash }) => hash), ...account, hasAll: hasAll(session, own) },
      });
      named += account.said.length;
      for (const group of told) named += "parts" in group ? group.parts.length : group.resources.length;
    }
    const last = due[at - 1]?.[1] ?? cursor;
    return { epoch, cursor: last, more: at < due.length, forgotten, groups, proxies };
  };

  const answer = (stream: ServerHttp2Stream, status: number, body = ""): void => {
    if (stream.destroyed || stream.closed || stream.headersSent) return;
    stream.respond({ ":status": status, "content-type": "application/json" });
    stream.end(body);
  };

  return {
    isPoll: (path) => path?.split("?")[0] === replicaPath,
    serve: (stream, path) => {
      if (closed || polls >= maximumPolls) return answer(stream, 503);
      const query = new URLSearchParams(path.slice(path.indexOf("?") + 1));
      const cursor = query.get("epoch") === epoch ? Number(query.get("cursor")) : 0;
      const tell = (): void => {
        clearTimeout(timer);
        waiting.delete(tell);
        if (closed) answer(stream, 503);
        else if (stream.session !== undefined)
          answer(
            stream,
            200,
            JSON.stringify(
              pageAfter(
                cursor,
                remembered(memories, stream.session, () => createTold(limits.groups)),
              ),
            ),
          );
      };
      polls += 1;
      stream.once("close", () => {
        polls -= 1;
        clearTimeout(timer);
        waiting.delete(tell);
      });
      const timer = setTimeout(tell, waitMs);
      waiting.add(tell);
      // A cursor that is no number is behind nothing: the poll would wait for ever for what it has missed.
      if (last > cursor || !Number.isSafeInteger(cursor)) tell();
    },
    close: () => {
      closed = true;
      for (const wake of [...waiting]) wake();
    },
  };
}

/** What was told of groups by one connection. Who asks ends it when an answer does not arrive. */
interface Told {
  /** What is to be said before a proxy names the group: nothing if that was done. */
  tell(group: ResourceGroup): readonly GroupEntry[];
  /** Now and then: the hashes of those that nobody uses any more. */
  forget(isUsed: () => (group: ResourceGroup) => boolean): readonly string[];
}

function createTold(limit: number): Told {
  const told = new Map<string, ResourceGroup>();
  let forgetAt = limit;
  const tell = (group: ResourceGroup): readonly GroupEntry[] => {
    const { hash, parts } = group;
    if (told.has(hash)) return [];
    told.set(hash, group);
    if (parts === undefined) return [{ hash, resources: resourcesOf(group) }];
    return [...parts.flatMap(tell), { hash, parts: parts.map((part) => part.hash) }];
  };
  return {
    tell,
    forget: (isUsed) => {
      if (told.size < forgetAt) return [];
      const keeps = isUsed();
      const forgotten = [...told].filter(([, group]) => !keeps(group)).map(([hash]) => hash);
      for (const hash of forgotten) told.delete(hash);
      forgetAt = Math.max(limit, 2 * told.size);
      return forgotten;
    },
  };
}

const resourcesOf = ({ byType }: ResourceGroup): readonly ResourceEntry[] =>
  resourceTypes.flatMap((type) =>
    [...byType[type].values()].map(({ name, version }) => [type, name, version] as const),
  );
