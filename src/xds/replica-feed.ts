/** Tells other replicas what the proxies of this one have acknowledged. See `replica-page.ts`. */
import type { ServerHttp2Stream } from "node:http2";
import { type ResourceType, resourceTypes } from "../envoy/resource.ts";
import type { ResourceState } from "../model/acknowledgement.ts";
import type { Ledger } from "./ledger.ts";
import { type AcknowledgedSet, type ProxyEntry, type ReplicaPage, replicaPath } from "./replica-page.ts";
import type { Session } from "./session.ts";

/** Milliseconds for which a poll waits for something to tell. */
const waitMs = 5_000;
/** Proxies of one page. */
const pageSize = 200;
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
): ReplicaFeed {
  /** The number of each pod's last change; in the order of these numbers. */
  const changes = new Map<string, number>();
  const waiting = new Set<() => void>();
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

  const pageAfter = (cursor: number): ReplicaPage => {
    const due = [...changes].filter(([, number]) => number > cursor);
    const told = due.slice(0, pageSize);
    const sets: AcknowledgedSet[] = [];
    const numbers = new Map<string, number>();
    const proxies = told.flatMap(([pod]): ProxyEntry[] => {
      const state = ledger.states.get(pod);
      if (state === undefined) return [];
      const known = knownBy(ledger.session(pod));
      const set = acknowledgedOf(known);
      const text = JSON.stringify(set);
      const number = numbers.get(text) ?? sets.push(set) - 1;
      numbers.set(text, number);
      const rejected = rejectedOf(known);
      const entry = { pod, connected: state.connected, age: Math.max(0, now() - state.since), set: number };
      return [rejected.length === 0 ? entry : { ...entry, rejected }];
    });
    return { epoch, cursor: told.at(-1)?.[1] ?? cursor, more: due.length > told.length, sets, proxies };
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
        else answer(stream, 200, JSON.stringify(pageAfter(cursor)));
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

/** Everything of which a session tells something: always in the same order, so that equal sets have equal texts. */
function knownBy(session: Session | undefined): Known {
  if (session === undefined) return [];
  const { groups, readiness } = session.target;
  return resourceTypes.flatMap((type) => {
    const { open, subscribed, wildcard } = session.types[type];
    const names = new Set([...open.keys(), ...subscribed]);
    if (wildcard) for (const { byType } of groups) for (const name of byType[type].keys()) names.add(name);
    if (wildcard && type === "listener") names.add(readiness.name);
    return [...names].sort().flatMap((name) => {
      const state = session.resource(type, name);
      return state === undefined ? [] : [[type, name, state] as const];
    });
  });
}

type Known = readonly (readonly [ResourceType, string, ResourceState])[];

const acknowledgedOf = (known: Known): AcknowledgedSet =>
  known.flatMap(([type, name, { acknowledged }]) =>
    acknowledged === undefined ? [] : [[type, name, acknowledged] as const],
  );

const rejectedOf = (known: Known) =>
  known.flatMap(([type, name, { rejected }]) =>
    rejected === undefined ? [] : [[type, name, rejected.version, rejected.message] as const],
  );
