import { type ResourceType, resourceTypes } from "../envoy/resource.ts";
import type { ProxyState, ProxyStates } from "../model/acknowledgement.ts";
import { hasAll } from "./account.ts";
import type { Session } from "./session.ts";

/** Told which pods' states changed, by pod key; several changes come as one call. */
export type StatesListener = (pods: ReadonlySet<string>) => void;

/** What is known of every proxy: of those that have a stream, and what those said last that had one. */
export interface Ledger {
  /** A live view. */
  readonly states: ProxyStates;
  /** A proxy has a stream now. */
  connected(pod: string, session: Session): void;
  /** The last session of a pod, whether it is connected or not. */
  session(pod: string): Session | undefined;
  /** A proxy acknowledged or refused something. */
  changed(pod: string): void;
  /** The stream of this session is gone; what it said last stays. Nothing happens if another stream took its place. */
  disconnected(pod: string, session: Session): void;
  /** Forgets the pods that are gone. */
  retain(exists: (pod: string) => boolean): void;
  /** Returns a function that ends the notifications. */
  onChange(listener: StatesListener): () => void;
}

/** A ledger. `defer` runs a function soon, once; what changes until then is told together. */
export function createLedger(now: () => number, defer: (run: () => void) => void): Ledger {
  const states = new Map<string, ProxyState>();
  const sessions = new Map<string, Session>();
  const listeners = new Set<StatesListener>();
  let changedPods = new Set<string>();

  const note = (pod: string): void => {
    const isDue = changedPods.size > 0;
    changedPods.add(pod);
    if (isDue) return;
    defer(() => {
      const told = changedPods;
      changedPods = new Set();
      for (const listener of listeners) listener(told);
    });
  };
  const set = (pod: string, session: Session, connected: boolean): void => {
    const known = states.get(pod);
    const since = known?.connected === connected ? known.since : now();
    states.set(pod, {
      connected,
      since,
      resource: (type, name) => (isResourceType(type) ? session.resource(type, name) : undefined),
      hasAll: (groups) => hasAll(session, groups),
    });
    note(pod);
  };

  return {
    states,
    connected: (pod, session) => {
      sessions.set(pod, session);
      set(pod, session, true);
    },
    session: (pod) => sessions.get(pod),
    changed: note,
    disconnected: (pod, session) => {
      if (sessions.get(pod) === session && states.get(pod)?.connected === true) set(pod, session, false);
    },
    retain: (exists) => {
      for (const pod of states.keys()) {
        if (exists(pod)) continue;
        states.delete(pod);
        sessions.delete(pod);
        note(pod);
      }
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function isResourceType(type: string): type is ResourceType {
  return resourceTypes.some((known) => known === type);
}
