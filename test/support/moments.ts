/** The statuses that the objects of a compilation have while proxies come, acknowledge, refuse and go. */
import type { ProxyState, ProxyStates } from "../../src/model/acknowledgement.ts";
import type { ObjectKey } from "../../src/model/object-key.ts";
import type { Compilation } from "../../src/reconcilers/compile.ts";
import { type ObjectStatus, objectStatus } from "../../src/reconcilers/programmed.ts";
import { disconnectedAfter } from "../../src/reconcilers/proxies.ts";
import { saying, syncedProxies } from "./proxies.ts";

/** One status of one object. */
export interface Moment {
  readonly moment: string;
  /** `Kind namespace/name`. */
  readonly object: string;
  readonly generation: number;
  readonly status: ObjectStatus;
}

const now = 1_000_000;

/** Each object at each moment. */
export function momentsOf(compilation: Compilation): readonly Moment[] {
  const synced = syncedProxies(compilation);
  const moments: readonly {
    readonly moment: string;
    readonly states: ProxyStates;
    readonly listeningSince?: number;
    readonly restoring?: string;
    readonly draining?: ReadonlySet<ObjectKey>;
  }[] = [
    { moment: "nobody is connected yet", states: new Map() },
    { moment: "connected", states: each(synced, (state) => saying(state, () => undefined)) },
    { moment: "acknowledged", states: synced },
    { moment: "refused", states: each(synced, refusing) },
    { moment: "gone for long", states: new Map(), listeningSince: now - disconnectedAfter },
    { moment: "a record is changed by others", states: synced, restoring: "ConfigMap shop/heddle-cart" },
    { moment: "open connections are to end", states: synced, draining: new Set(synced.keys()) },
  ];
  return moments.flatMap(({ moment, states, listeningSince, restoring, draining }) =>
    [...compilation.decisions.values()].map((decision): Moment => {
      const { kind, namespace, name, generation } = decision.object;
      const status = objectStatus(decision, compilation, states, now, listeningSince, restoring, draining);
      return { moment, object: `${kind} ${namespace}/${name}`, generation, status };
    }),
  );
}

const each = (states: ProxyStates, change: (state: ProxyState) => ProxyState): ProxyStates =>
  new Map([...states].map(([pod, state]) => [pod, change(state)]));

/** Took none of it. */
const refusing = (state: ProxyState): ProxyState =>
  saying(state, (type, name) => {
    const version = state.resource(type, name)?.acknowledged;
    return version === undefined ? undefined : { rejected: { version, message: "Envoy's words" } };
  });
