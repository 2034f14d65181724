/** A session and a proxy that obeys Envoy's rules, to which anything may happen in any order. */
import fc from "fast-check";
import type { EnvoyResource, ProxyTarget, ResourceType } from "../../../src/envoy/resource.ts";
import { createResourceIndex } from "../../../src/xds/references.ts";
import { Session } from "../../../src/xds/session.ts";
import type { DiscoveryRequest, DiscoveryResponse } from "../../../src/xds/types.ts";
import { FakeEnvoy } from "./fake-envoy.ts";
import { cluster, endpoint, extension, listener, route, target } from "./fixtures.ts";

const services = 5;

interface ServicePlan {
  readonly present: boolean;
  readonly cluster: number;
  readonly endpoints: number;
  readonly backends: readonly number[];
  readonly listener: number;
  readonly bad: "cluster" | "endpoint" | "route" | "listener" | undefined;
  readonly anonymous: boolean;
}

interface Plan {
  readonly services: readonly ServicePlan[];
  readonly extensions: readonly number[];
}

/** What the operator wants of a proxy. */
export const planOf = (withBad: boolean): fc.Arbitrary<Plan> =>
  fc.record({
    services: fc.array(
      fc.record({
        present: fc.boolean(),
        cluster: fc.nat(2),
        endpoints: fc.nat(2),
        backends: fc.array(fc.nat(services - 1), { maxLength: 3 }),
        listener: fc.nat(2),
        bad: withBad
          ? fc.oneof(
              { weight: 6, arbitrary: fc.constant(undefined) },
              { weight: 1, arbitrary: fc.constantFrom("cluster", "endpoint", "route", "listener") },
            )
          : fc.constant(undefined),
        anonymous: fc.boolean(),
      }),
      { minLength: services, maxLength: services },
    ),
    extensions: fc.array(fc.nat(2), { maxLength: 2 }),
  });

/** The target of a plan. */
export function targetOf(plan: Plan): ProxyTarget {
  const shared: EnvoyResource[] = [];
  plan.services.forEach((service, i) => {
    if (!service.present) return;
    const bad = (type: string) => (service.bad === type ? { bad: true, anonymous: service.anonymous } : {});
    const backends = [i, ...service.backends].filter((backend) => plan.services[backend]?.present);
    shared.push(
      cluster(`c${i}`, { content: service.cluster, ...bad("cluster") }),
      endpoint(`c${i}`, { content: service.endpoints, ...bad("endpoint") }),
      route(`r${i}`, [...new Set(backends.map((backend) => `c${backend}`))], bad("route")),
      listener(`l${i}`, { content: service.listener, routes: [`r${i}`], ...bad("listener") }),
    );
  });
  const names = plan.extensions.map((_, i) => `x${i}`);
  const own = [
    listener("inbound", { extensions: names }),
    ...plan.extensions.map((content, i) => extension(`x${i}`, { content })),
  ];
  return target(shared, own);
}

/** What may happen. */
export type Action =
  | { readonly kind: "publish"; readonly plan: Plan }
  | { readonly kind: "up" | "down" | "quiet" | "drain" | "reconnect" | "restart" };

/** Any of them; with `bad`, resources that Envoy refuses too. */
export const actionOf = (withBad: boolean): fc.Arbitrary<Action> =>
  fc.oneof(
    { weight: 3, arbitrary: planOf(withBad).map((plan) => ({ kind: "publish", plan }) as const) },
    { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom("up" as const, "down" as const) }) },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constantFrom("quiet" as const, "drain" as const, "reconnect" as const) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
  );

/** A session and a proxy with the network between them; messages are kept in order, and delayed at will. */
export class World {
  envoy = new FakeEnvoy();
  session: Session;
  target: ProxyTarget;
  readonly problems: string[] = [];
  #up: DiscoveryRequest[] = [];
  #down: DiscoveryResponse[] = [];
  readonly #index = createResourceIndex();
  readonly #unacknowledged = new Map<ResourceType, string>();
  /** Resources and removals sent so far. */
  sent = 0;

  constructor(first: ProxyTarget) {
    this.target = first;
    this.session = new Session(first, this.#index);
    this.connect();
  }

  connect(): void {
    this.#up = [];
    this.#down = [];
    this.#unacknowledged.clear();
    this.session = new Session(this.target, this.#index, this.session);
    this.envoy.connect();
    this.#up.push(...this.envoy.takeRequests());
  }

  publish(next: ProxyTarget): void {
    this.target = next;
    this.#send(this.session.setTarget(next));
  }

  #send(responses: readonly DiscoveryResponse[]): void {
    for (const response of responses) {
      this.sent += response.resources.length + response.removed.length;
      if (this.#unacknowledged.has(response.type)) this.problems.push(`two unacknowledged ${response.type} responses`);
      this.#unacknowledged.set(response.type, response.nonce);
      const names = [...response.resources.map(({ name }) => name), ...response.removed];
      if (new Set(names).size !== names.length) this.problems.push("a name occurs twice in a response");
      this.#down.push(response);
    }
  }

  up(): boolean {
    const next = this.#up.shift();
    if (next === undefined) return false;
    for (const [type, nonce] of this.#unacknowledged) {
      if (nonce === next.responseNonce) this.#unacknowledged.delete(type);
    }
    this.#send(this.session.onRequest(next));
    return true;
  }

  down(): boolean {
    const next = this.#down.shift();
    if (next === undefined) return false;
    this.envoy.receive(next);
    this.#up.push(...this.envoy.takeRequests());
    return true;
  }

  drain(): void {
    this.envoy.finishDrain();
    this.#up.push(...this.envoy.takeRequests());
  }

  /** Delivers everything; drains go on. */
  quiet(): void {
    for (let round = 0; round < 2000; round++) {
      const down = this.down();
      if (!this.up() && !down) return;
    }
    this.problems.push("it never comes to rest");
  }

  /** Delivers everything and ends all drains. */
  settle(): void {
    do {
      this.quiet();
      this.drain();
    } while (this.#up.length > 0 && this.problems.length === 0);
  }

  act(action: Action): void {
    if (action.kind === "publish") this.publish(targetOf(action.plan));
    else if (action.kind === "up") this.up();
    else if (action.kind === "down") this.down();
    else if (action.kind === "drain") this.drain();
    else if (action.kind === "quiet") this.quiet();
    else {
      if (action.kind === "restart") {
        this.problems.push(...this.envoy.problems);
        this.envoy = new FakeEnvoy();
      }
      this.connect();
    }
  }

  allProblems(): string[] {
    return [...this.problems, ...this.envoy.problems];
  }
}
