/** Drives a session by hand, as a proxy would. */
import { expect } from "vitest";
import type { EnvoyResource, ProxyTarget, ResourceType } from "../../../src/envoy/resource.ts";
import { createResourceIndex } from "../../../src/xds/references.ts";
import { Session } from "../../../src/xds/session.ts";
import type { DiscoveryResponse } from "../../../src/xds/types.ts";
import { cluster, endpoint, listener, request, route, target } from "./fixtures.ts";

/** `type name name -removed` of each response. */
export const brief = (responses: readonly DiscoveryResponse[]): string[] =>
  responses.map(({ type, resources, removed }) =>
    [type, ...resources.map(({ name }) => name), ...removed.map((name) => `-${name}`)].join(" "),
  );

/** Drives a session by hand; remembers the last response of each type. */
export class Driver {
  readonly session: Session;
  readonly #last = new Map<ResourceType, DiscoveryResponse>();

  constructor(first: ProxyTarget, previous?: Session) {
    this.session = new Session(first, createResourceIndex(), previous);
  }

  #note(responses: readonly DiscoveryResponse[]): string[] {
    for (const response of responses) this.#last.set(response.type, response);
    return brief(responses);
  }

  /** A new target. */
  target(next: ProxyTarget): string[] {
    return this.#note(this.session.setTarget(next));
  }

  /** Subscribes. */
  ask(type: ResourceType, names: readonly string[] = [], initial: readonly EnvoyResource[] = []): string[] {
    const initialResourceVersions = new Map(initial.map(({ name, version }) => [name, version]));
    return this.#note(
      this.session.onRequest(request(type, { resourceNamesSubscribe: names, initialResourceVersions })),
    );
  }

  /** Unsubscribes. */
  leave(type: ResourceType, ...names: readonly string[]): string[] {
    return this.#note(this.session.onRequest(request(type, { resourceNamesUnsubscribe: names })));
  }

  /** Accepts the last response of a type. */
  ack(type: ResourceType): string[] {
    return this.#note(this.session.onRequest(request(type, { responseNonce: this.#last.get(type)?.nonce ?? "none" })));
  }

  /** Refuses it. */
  nack(type: ResourceType, message: string): string[] {
    const answer = { responseNonce: this.#last.get(type)?.nonce ?? "none", errorDetail: { message } };
    return this.#note(this.session.onRequest(request(type, answer)));
  }
}

/** Two services, each with all that a client of it needs. */
export const serviceA = [cluster("a"), endpoint("a"), route("ra", ["a"]), listener("la", { routes: ["ra"] })];
export const serviceB = [cluster("b"), endpoint("b"), route("rb", ["b"]), listener("lb", { routes: ["rb"] })];

/** A proxy that has all of this. */
export function live(resources: readonly EnvoyResource[]): Driver {
  const driver = new Driver(target(resources));
  const of = (type: ResourceType) => resources.filter((resource) => resource.type === type);
  driver.ask("cluster");
  driver.ask(
    "endpoint",
    of("endpoint").map(({ name }) => name),
  );
  driver.ack("cluster");
  driver.ack("endpoint");
  driver.ask("listener");
  driver.ask(
    "route",
    of("route").map(({ name }) => name),
  );
  driver.ask(
    "extension",
    of("extension").map(({ name }) => name),
  );
  for (const type of ["listener", "route", "extension", "listener"] as const) driver.ack(type);
  expect(driver.session.resource("listener", "readiness")?.acknowledged).toBeDefined();
  return driver;
}
