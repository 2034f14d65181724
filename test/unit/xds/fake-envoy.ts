import type { EnvoyResource, ResourceType } from "../../../src/envoy/resource.ts";
import { resourceTypes } from "../../../src/envoy/resource.ts";
import type { DiscoveryRequest, DiscoveryResponse } from "../../../src/xds/types.ts";
import { request } from "./fixtures.ts";

/** Whether the model refuses a resource. */
export const isBad = (resource: EnvoyResource): boolean => resource.config["bad"] === true;

const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
const clustersOf = (resource: EnvoyResource): string[] => list(resource.config["clusters"]);

/**
 * Envoy's rules as measured: clusters warm until their endpoints come, and withhold the acknowledgement; only a new cluster
 * asks for endpoints; a response may be applied by half; listeners that are replaced drain before their routes and extensions
 * are unsubscribed; removals of routes, extensions and endpoints in use are ignored.
 */
export class FakeEnvoy {
  readonly has: Readonly<Record<ResourceType, Map<string, EnvoyResource>>> = {
    cluster: new Map(),
    endpoint: new Map(),
    listener: new Map(),
    route: new Map(),
    extension: new Map(),
  };
  /** What is told on reconnect: versions of responses that were taken whole. */
  readonly versions: Readonly<Record<ResourceType, Map<string, string>>> = {
    cluster: new Map(),
    endpoint: new Map(),
    listener: new Map(),
    route: new Map(),
    extension: new Map(),
  };
  readonly subscribed: Readonly<Record<ResourceType, Set<string>>> = {
    cluster: new Set(),
    endpoint: new Set(),
    listener: new Set(),
    route: new Set(),
    extension: new Set(),
  };
  readonly problems: string[] = [];
  readonly #warming = new Set<string>();
  readonly #draining: EnvoyResource[] = [];
  readonly #missing: Readonly<Record<ResourceType, Set<string>>> = {
    cluster: new Set(),
    endpoint: new Set(),
    listener: new Set(),
    route: new Set(),
    extension: new Set(),
  };
  #gotClusters = false;
  #clustersUndeclared = false;
  #askedForListeners = false;
  #withheld: (() => DiscoveryRequest) | undefined;
  #out: DiscoveryRequest[] = [];

  /** Requests that it sends now. */
  takeRequests(): DiscoveryRequest[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** A new stream: every type that is in use is asked for at once, clusters first. */
  connect(): void {
    this.#withheld = undefined;
    this.#out = [];
    // While clusters warm, nothing is said of clusters, and that goes for new streams too.
    this.#clustersUndeclared = this.#warming.size > 0 && this.#askedForListeners;
    for (const type of resourceTypes) {
      if (type === "cluster" ? !this.#clustersUndeclared : this.#inUse(type)) this.#declare(type);
    }
  }

  #declare(type: ResourceType): void {
    this.#out.push(
      request(type, {
        resourceNamesSubscribe: [...this.subscribed[type]],
        initialResourceVersions: new Map(this.versions[type]),
      }),
    );
  }

  /** Ends the drain of listeners that were replaced. */
  finishDrain(): void {
    this.#draining.length = 0;
    this.#prune();
  }

  receive(response: DiscoveryResponse): void {
    const { type } = response;
    const errors: string[] = [];
    for (const name of response.removed) this.#remove(type, name);
    for (const resource of response.resources) {
      if (isBad(resource)) {
        errors.push(resource.config["anonymous"] === true ? "missing ]" : `Error adding ${resource.name}`);
        if (type === "endpoint") this.#warming.delete(resource.name);
      } else this.#apply(type, resource);
    }
    if (errors.length === 0) {
      for (const { name, version } of response.resources)
        if (this.#wants(type, name)) this.versions[type].set(name, version);
    }
    const answer = () =>
      request(type, {
        responseNonce: response.nonce,
        ...(errors.length > 0 && { errorDetail: { message: errors.join(", ") } }),
      });
    if (type === "cluster") this.#withheld = answer;
    else this.#out.push(answer());
    if (type === "listener") this.#prune();
    if (this.#warming.size === 0 && this.#withheld !== undefined) {
      this.#out.push(this.#withheld());
      this.#withheld = undefined;
    }
    if (this.#warming.size === 0 && this.#clustersUndeclared) {
      this.#clustersUndeclared = false;
      this.#declare("cluster");
    }
    this.#gotClusters ||= type === "cluster";
    if (this.#warming.size === 0 && this.#gotClusters && !this.#askedForListeners) {
      this.#askedForListeners = true;
      this.#out.push(request("listener"));
    }
  }

  /** Why the configuration is not complete; undefined when it is. */
  incomplete(): string | undefined {
    if (this.#warming.size > 0) return `clusters are warming: ${[...this.#warming].join(", ")}`;
    for (const { config } of this.has.listener.values()) {
      for (const name of list(config["routes"])) if (!this.has.route.has(name)) return `route ${name} is missing`;
      for (const name of list(config["extensions"])) if (!this.has.extension.has(name)) return `${name} is missing`;
    }
    return undefined;
  }

  #inUse(type: ResourceType): boolean {
    return type === "listener" ? this.#askedForListeners : this.subscribed[type].size > 0;
  }

  #wants(type: ResourceType, name: string): boolean {
    return type === "cluster" || type === "listener" || this.subscribed[type].has(name);
  }

  #apply(type: ResourceType, resource: EnvoyResource): void {
    const { name } = resource;
    if (!this.#wants(type, name)) return;
    const before = this.has[type].get(name);
    if (name === "readiness" && before === undefined) {
      const problem = this.incomplete();
      if (problem !== undefined) this.problems.push(`readiness came while ${problem}`);
    }
    this.has[type].set(name, resource);
    this.#missing[type].delete(name);
    if (type === "cluster" && before?.version !== resource.version) {
      if (resource.config["type"] === "EDS") this.#warming.add(name);
      // Before the first complete set of clusters, a cluster that changed takes the other's place at once, and asks anew.
      if (before !== undefined && !this.#askedForListeners && this.subscribed.endpoint.delete(name)) {
        this.versions.endpoint.delete(name);
        this.#subscribe("endpoint", [name]);
      }
      if (before === undefined) this.#subscribe("endpoint", [name]);
    }
    if (type === "endpoint") this.#warming.delete(name);
    if (type === "route") {
      for (const cluster of clustersOf(resource)) {
        if (before !== undefined && !clustersOf(before).includes(cluster) && !this.has.cluster.has(cluster)) {
          this.problems.push(`route ${name} was led to cluster ${cluster}, which is not there`);
        }
      }
    }
    if (type === "listener" && before?.version !== resource.version) {
      if (before !== undefined) this.#draining.push(before);
      this.#subscribe("route", list(resource.config["routes"]));
      this.#subscribe("extension", list(resource.config["extensions"]));
    }
  }

  #remove(type: ResourceType, name: string): void {
    if (type === "cluster") {
      for (const used of this.has.route.values()) {
        if (clustersOf(used).includes(name))
          this.problems.push(`cluster ${name} was removed while route ${used.name} names it`);
      }
      this.#unsubscribe("endpoint", name);
      this.#warming.delete(name);
    }
    if (type === "extension" && this.has.extension.has(name))
      this.problems.push(`extension ${name} was removed in use`);
    if (type === "endpoint") this.#warming.delete(name);
    if (type === "cluster" || type === "listener") {
      const before = this.has[type].get(name);
      if (type === "listener" && before !== undefined) this.#draining.push(before);
      this.has[type].delete(name);
      this.versions[type].delete(name);
    } else if (!this.has[type].has(name)) this.#missing[type].add(name);
  }

  #subscribe(type: ResourceType, names: readonly string[]): void {
    const fresh = names.filter((name) => !this.subscribed[type].has(name));
    if (fresh.length === 0) return;
    for (const name of fresh) this.subscribed[type].add(name);
    this.#out.push(request(type, { resourceNamesSubscribe: fresh }));
  }

  #unsubscribe(type: ResourceType, name: string): void {
    if (!this.subscribed[type].delete(name)) return;
    this.has[type].delete(name);
    this.versions[type].delete(name);
    this.#missing[type].delete(name);
    this.#out.push(request(type, { resourceNamesUnsubscribe: [name] }));
  }

  #prune(): void {
    const users = [...this.has.listener.values(), ...this.#draining];
    for (const [type, field] of [
      ["route", "routes"],
      ["extension", "extensions"],
    ] as const) {
      const used = new Set(users.flatMap((user) => list(user.config[field])));
      for (const name of [...this.subscribed[type]]) if (!used.has(name)) this.#unsubscribe(type, name);
    }
  }
}
