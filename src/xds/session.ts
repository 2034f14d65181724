import type { EnvoyResource, ProxyTarget, ResourceType } from "../envoy/resource.ts";
import { resourceTypes, typeUrls } from "../envoy/resource.ts";
import type { ResourceState } from "../model/acknowledgement.ts";
import {
  isClusterInUse,
  isComplete,
  isRefused,
  isSettled,
  lookup,
  type PendingClusters,
  pendingClusters,
  waitsForCluster,
} from "./ordering.ts";
import type { ResourceIndex } from "./references.ts";
import { inOrder, minRun, runsIn } from "./runs.ts";
import { held, maxSubscriptions, type OpenEntry, TypeState, without } from "./type-state.ts";
import type { DiscoveryRequest, DiscoveryResponse } from "./types.ts";
import { grpcStatus, StreamError } from "./types.ts";

const typesByUrl: ReadonlyMap<string, ResourceType> = new Map(resourceTypes.map((type) => [typeUrls[type], type]));

/** The type that a URL names, if it is one that is served. */
export const typeOfUrl = (url: string): ResourceType | undefined => typesByUrl.get(url);

/** Characters of a refusal that are kept: Envoy may quote the whole resource. */
const maxMessageLength = 2_048;

/** A refusal as it is kept and shown. */
export const refusalMessage = (message: string): string => message.trim().slice(0, maxMessageLength);

/** What to do about one name now. */
type Step =
  | { readonly kind: "settle" }
  | { readonly kind: "send"; readonly resource: EnvoyResource }
  | { readonly kind: "remove" }
  /** `gated`: an addition that waits for an acknowledgement which is due. */
  | { readonly kind: "wait"; readonly gated: boolean };

const wait: Step = { kind: "wait", gated: false };

/**
 * One delta ADS stream as a state machine (Envoy, "xDS REST and gRPC protocol", incremental variant): requests and targets
 * in, responses out. No IO and no clock. Order and gates are those of `ordering.ts`.
 *
 * At most one response per type awaits its acknowledgement; what is sent next is decided when it comes, from what the target
 * says then, so that a slow proxy skips what was outdated meanwhile. The acknowledgement of clusters comes only once they are
 * warm, for which Envoy needs their endpoints, so endpoints wait for nothing; and as Envoy does not ask for the endpoints of a
 * cluster that changed, they are sent behind every cluster.
 */
export class Session {
  /** How often what the proxy acknowledged or refused has changed. */
  changes = 0;
  readonly types: Readonly<Record<ResourceType, TypeState>> = {
    cluster: new TypeState("cluster"),
    endpoint: new TypeState("endpoint"),
    listener: new TypeState("listener"),
    route: new TypeState("route"),
    extension: new TypeState("extension"),
  };
  readonly index: ResourceIndex;
  #target: ProxyTarget;
  readonly #doubts = new Map<ResourceType, ReadonlyMap<string, readonly EnvoyResource[]>>();
  #nonce = 0;
  /**
   * Whether the proxy has answered a listener response. On a new stream it declares what it has type by type, all at once;
   * before that answer, routes that nobody here knows of may name a cluster that is to be removed.
   */
  #declared = false;

  /**
   * `previous`: the last stream of the same pod. A proxy does not tell a new stream of what it took from a response that it
   * refused as a whole, so what was in doubt is sent again.
   */
  constructor(target: ProxyTarget, index: ResourceIndex, previous?: Session) {
    this.#target = target;
    this.index = index;
    if (previous === undefined) return;
    for (const type of resourceTypes) {
      const state = previous.types[type];
      // A stream that ended before this type was asked for leaves the doubts of the one before it.
      this.#doubts.set(type, state.requested ? state.doubts() : (previous.#doubts.get(type) ?? new Map()));
    }
  }

  /** What the proxy is to have. */
  get target(): ProxyTarget {
    return this.#target;
  }

  /** Replaces the target. What is not sent yet of the older one never will be. */
  setTarget(target: ProxyTarget): DiscoveryResponse[] {
    const previous = this.#target;
    this.#target = target;
    for (const changed of this.index.changes(previous.groups, target.groups)) {
      for (const type of resourceTypes) for (const name of changed[type]) this.#touch(type, name, previous);
    }
    if (previous.readiness.name !== target.readiness.name || previous.readiness.version !== target.readiness.version) {
      this.#touch("listener", previous.readiness.name, previous);
      this.#touch("listener", target.readiness.name, previous);
    }
    return this.#flush();
  }

  /** Takes a request of the proxy. Throws a {@link StreamError} when the proxy breaks the protocol. */
  onRequest(request: DiscoveryRequest): DiscoveryResponse[] {
    const type = typeOfUrl(request.typeUrl);
    if (type === undefined) {
      throw new StreamError(
        grpcStatus.invalidArgument,
        "protocol",
        `type ${JSON.stringify(request.typeUrl)} is not served here`,
      );
    }
    const state = this.types[type];
    if (request.responseNonce !== "") this.#acknowledge(state, request);
    if (state.requested) this.#subscribe(state, request);
    else this.#open(state, request);
    state.share(this.index.sharedNames);
    return this.#flush();
  }

  /** What the proxy said last of a resource; undefined when it has never had it, or does not want it. */
  resource(type: ResourceType, name: string): ResourceState | undefined {
    const state = this.types[type];
    if (!state.wants(name)) return undefined;
    const entry = state.open.get(name);
    if (entry === undefined) {
      const desired = lookup(this.#target, type, name);
      return desired && { acknowledged: desired.version };
    }
    const { held, rejected } = entry;
    if (held === undefined && rejected === undefined) return undefined;
    return { ...(held && { acknowledged: held.version }), ...(rejected && { rejected }) };
  }

  /** Opens the entry of a name whose resource differs between the previous target and the present one. */
  #touch(type: ResourceType, name: string, previous: ProxyTarget): void {
    const state = this.types[type];
    if (state.wants(name)) state.openEntry(name, held(lookup(previous, type, name)));
  }

  /** The first request of a type: what the proxy wants, and what it has from an earlier stream. */
  #open(state: TypeState, request: DiscoveryRequest): void {
    const legacyWildcard =
      (state.type === "cluster" || state.type === "listener") && request.resourceNamesSubscribe.length === 0;
    state.requested = true;
    state.wildcard = legacyWildcard || request.resourceNamesSubscribe.includes("*");
    for (const name of request.resourceNamesSubscribe) if (name !== "*") this.#add(state, name);
    const initial = request.initialResourceVersions;
    state.owesAnswer = state.wildcard && initial.size === 0;
    // Envoy asks for clusters first on every stream, unless some of them warm: then it waits for their endpoints before.
    const warming = state.type === "endpoint" && !this.types.cluster.requested;
    for (const [name, version] of initial) {
      if (!state.wants(name)) continue;
      const desired = lookup(this.#target, state.type, name);
      const force = state.awaited.delete(name) || warming;
      if (desired?.version === version && !force) continue;
      state.openEntry(name, desired?.version === version ? held(desired) : { version }).force = force;
    }
    for (const name of state.wildcard ? this.#targetNames(state.type) : state.subscribed) {
      if (!initial.has(name)) this.#ask(state, name);
    }
    // A proxy that has no cluster has just started: it has nothing from before.
    if (state.type === "cluster" && initial.size === 0) this.#doubts.clear();
    this.#doubt(state);
    this.changes++;
  }

  #doubt(state: TypeState): void {
    for (const [name, resources] of this.#doubts.get(state.type) ?? []) {
      // Readiness is never in doubt: it would come too early to a proxy that did not have it.
      if (!state.wants(name) || name === this.#target.readiness.name) continue;
      const desired = lookup(this.#target, state.type, name);
      const entry = state.openEntry(name, held(desired));
      entry.maybe = [...resources];
      entry.force ||= desired !== undefined;
    }
    this.#doubts.delete(state.type);
  }

  /** Changes of the subscription. A name that is subscribed again is sent again, as the protocol demands. */
  #subscribe(state: TypeState, request: DiscoveryRequest): void {
    for (const name of request.resourceNamesUnsubscribe) {
      if (name === "*") state.wildcard = false;
      else if (state.wildcard) state.unsubscribe(name);
      else state.drop(name);
      this.changes++;
    }
    if (!state.wildcard && request.resourceNamesUnsubscribe.includes("*")) {
      for (const name of state.open.keys()) if (!state.subscribed.has(name)) state.drop(name);
    }
    for (const name of request.resourceNamesSubscribe) {
      if (name === "*") {
        state.wildcard = true;
        for (const known of this.#targetNames(state.type)) if (!state.subscribed.has(known)) this.#ask(state, known);
      } else {
        const known = state.wants(name);
        const before = known ? held(lookup(this.#target, state.type, name)) : undefined;
        this.#add(state, name);
        if (known) state.openEntry(name, before).force = true;
        else this.#ask(state, name);
      }
    }
  }

  #add(state: TypeState, name: string): void {
    if (state.subscribed.size >= maxSubscriptions && !state.subscribed.has(name)) {
      throw new StreamError(
        grpcStatus.resourceExhausted,
        "protocol",
        `more than ${maxSubscriptions} subscriptions to ${state.type} resources`,
      );
    }
    // The target's own string, so that thousands of proxies share one.
    state.subscribe(lookup(this.#target, state.type, name)?.name ?? name);
  }

  /** The proxy wants a name that it has no version of. */
  #ask(state: TypeState, name: string): void {
    state.awaited.delete(name);
    const entry = state.openEntry(name, undefined);
    const overtaken = state.inFlight?.overtaken.get(name);
    if (overtaken !== undefined) entry.maybe.push(overtaken);
  }

  #targetNames(type: ResourceType): Iterable<string> {
    const names = this.#target.groups.flatMap((group) => [...group.byType[type].keys()]);
    return type === "listener" ? [...names, this.#target.readiness.name] : names;
  }

  #acknowledge(state: TypeState, request: DiscoveryRequest): void {
    const { inFlight } = state;
    // Any other nonce is of a response that was answered already.
    if (inFlight === undefined || inFlight.nonce !== request.responseNonce) return;
    state.inFlight = undefined;
    if (state.type === "listener") this.#declared = true;
    if (inFlight.sent.size === 0) return;
    this.changes++;
    if (request.errorDetail === undefined) {
      for (const [name, resource] of inFlight.sent) this.#accepted(state, name, resource);
      return;
    }
    const message = refusalMessage(request.errorDetail.message);
    if (inFlight.sent.size + inFlight.overtaken.size > 1) {
      for (const [name, resource] of inFlight.sent) {
        const entry = state.open.get(name);
        if (entry === undefined) continue;
        if (resource === undefined) entry.force = state.wildcard;
        // Envoy carries out the removals of a response that it refuses: whether the proxy has it still is not known any more.
        const doubtful = resource ?? (state.wildcard ? entry.held?.resource : undefined);
        if (doubtful === undefined) continue;
        entry.maybe = [...without(entry.maybe, doubtful), doubtful];
        if (resource === undefined) entry.held = undefined;
      }
      state.isolate([...inFlight.sent.keys()], message);
      return;
    }
    for (const [name, resource] of inFlight.sent) this.#refused(state, name, resource, message);
  }

  #accepted(state: TypeState, name: string, resource: EnvoyResource | undefined): void {
    const entry = state.open.get(name);
    if (entry === undefined) return;
    entry.maybe = [];
    if (resource === undefined) {
      if (state.wildcard) entry.held = undefined;
      entry.toldMissing = true;
      return;
    }
    // An old version that was repeated says nothing about the new one that was refused.
    if (entry.held?.version !== resource.version) entry.rejected = undefined;
    entry.held = held(resource);
  }

  #refused(state: TypeState, name: string, resource: EnvoyResource | undefined, message: string): void {
    // Envoy refuses no removal; if one did, it would have to be taken as done, lest it be sent for ever.
    if (resource === undefined) this.#accepted(state, name, undefined);
    const entry = state.open.get(name);
    if (entry === undefined || resource === undefined) return;
    entry.maybe = without(entry.maybe, resource);
    entry.rejected = { version: resource.version, message };
  }

  #flush(): DiscoveryResponse[] {
    const responses: DiscoveryResponse[] = [];
    let pending: PendingClusters | undefined;
    for (const type of resourceTypes) {
      const state = this.types[type];
      if (!state.requested || state.inFlight !== undefined || (state.open.size === 0 && !state.owesAnswer)) continue;
      if (type !== "cluster" && type !== "endpoint") pending ??= pendingClusters(this);
      const response = this.#respond(state, pending);
      if (response !== undefined) responses.push(response);
    }
    return responses;
  }

  #respond(state: TypeState, pending: PendingClusters | undefined): DiscoveryResponse | undefined {
    for (let names = state.isolated.shift(); names !== undefined; names = state.isolated.shift()) {
      const response = this.#gather(state, names, pending);
      if (response !== undefined) return response;
    }
    // In the target's order, so that what many proxies are sent is in one order for all of them.
    if (state.open.size >= minRun) return this.#gather(state, inOrder(this.#target, state), pending);
    return this.#gather(state, state.open.keys(), pending);
  }

  #gather(
    state: TypeState,
    names: Iterable<string>,
    pending: PendingClusters | undefined,
  ): DiscoveryResponse | undefined {
    const resources: EnvoyResource[] = [];
    let removed: string[] = [];
    let gated = false;
    for (const name of names) {
      const entry = state.open.get(name);
      if (entry === undefined) continue;
      const step = this.#step(state, name, entry, pending);
      if (step.kind === "settle") state.open.delete(name);
      else if (step.kind === "send") resources.push(step.resource);
      else if (step.kind === "remove") removed.push(name);
      else if (step.gated) gated = true;
    }
    // A listener goes no earlier than the one that takes its place comes; both in one response, Envoy removes first.
    if (state.type === "listener" && gated) removed = [];
    if (resources.length === 0 && removed.length === 0 && (!state.owesAnswer || gated)) return undefined;
    return this.#send(state, resources, removed);
  }

  #step(state: TypeState, name: string, entry: OpenEntry, pending: PendingClusters | undefined): Step {
    const { type } = state;
    const desired = lookup(this.#target, type, name);
    if (desired === undefined) return this.#stepWithout(state, name, entry);
    if (isRefused(entry, desired)) return entry.force ? repeat(type, entry) : wait;
    if (isSettled(state, entry, desired)) return { kind: "settle" };
    if (pending !== undefined) {
      const cluster = waitsForCluster(this, pending, entry, desired);
      if (cluster !== "no") return { kind: "wait", gated: cluster === "shortly" };
    }
    const first = entry.held === undefined && entry.maybe.length === 0;
    if (type === "listener" && name === this.#target.readiness.name && first && !isComplete(this)) return wait;
    return { kind: "send", resource: desired };
  }

  /** The target has no such resource. */
  #stepWithout(state: TypeState, name: string, entry: OpenEntry): Step {
    const has = entry.held !== undefined || entry.maybe.length > 0;
    if (!state.wildcard) {
      if (entry.force) return repeat(state.type, entry);
      // Envoy ignores the removal of endpoints, but for an end to the wait of a cluster that warms.
      const keeps = state.type === "endpoint" ? entry.held !== undefined : has;
      return keeps || entry.toldMissing ? wait : { kind: "remove" };
    }
    if (!has) return { kind: "settle" };
    if (state.type !== "cluster") return { kind: "remove" };
    if (this.#declared) return isClusterInUse(this, name) ? wait : { kind: "remove" };
    // With nothing else to say of listeners, an empty response asks for the answer.
    const { listener } = this.types;
    listener.owesAnswer ||= listener.inFlight === undefined;
    return wait;
  }

  #send(state: TypeState, resources: readonly EnvoyResource[], removed: readonly string[]): DiscoveryResponse {
    const sent = new Map<string, EnvoyResource | undefined>();
    for (const resource of resources) {
      sent.set(resource.name, resource);
      if (state.type === "cluster") this.#expectEndpoints(resource);
    }
    for (const name of removed) sent.set(name, undefined);
    for (const name of sent.keys()) {
      const entry = state.open.get(name);
      if (entry !== undefined) entry.force = false;
    }
    this.#nonce++;
    const nonce = this.#nonce.toString(36);
    state.inFlight = { nonce, sent, overtaken: new Map() };
    state.owesAnswer = false;
    const runs = runsIn(this.#target, state.type, resources);
    return { type: state.type, typeUrl: typeUrls[state.type], nonce, resources, removed, runs };
  }

  /** The endpoints of a cluster follow it, now or once the proxy subscribes to them. */
  #expectEndpoints(cluster: EnvoyResource): void {
    const name = this.index.endpointsOf(cluster);
    if (name === undefined) return;
    const { endpoint } = this.types;
    if (!endpoint.wants(name)) endpoint.awaited.add(name);
    else endpoint.openEntry(name, held(lookup(this.#target, "endpoint", name))).force = true;
  }
}

/** What is due again, and whose present version cannot be sent: the last good one, or that there is none. */
function repeat(type: ResourceType, entry: OpenEntry): Step {
  if (entry.held?.resource !== undefined) return { kind: "send", resource: entry.held.resource };
  const keeps = type !== "endpoint" && (entry.held !== undefined || entry.maybe.length > 0);
  return keeps ? wait : { kind: "remove" };
}
