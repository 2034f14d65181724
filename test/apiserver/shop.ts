/**
 * A namespace with four pods of three workloads, of which only the streams of their sidecars run: each is judged whenever it
 * acknowledges something. A policy that is in force stays in force, whatever becomes of the operator.
 */
import { type Kind, kinds } from "../../src/api/kinds.ts";
import type { Pod } from "../../src/api/kubernetes.ts";
import { decode } from "../../src/identity/renewal.ts";
import type { KubeClient } from "../../src/kube/client.ts";
import { isApiError } from "../../src/kube/error.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { keys, secretOfServiceAccount } from "../../src/model/sidecar.ts";
import { serviceAccount } from "../support/kinds.ts";
import { createInjectedPod } from "../support/operator.ts";
import { type Sidecar, type SidecarCredentials, startSidecar } from "../xds/sidecar.ts";
import { callersOf, type Generations, judge, shopPorts, weightsOf } from "./shop-judge.ts";

const namespace = "shop";

/** Its pods: the workload, and the address from which the sidecar's stream comes. */
const pods = {
  "web-1": { app: "web", address: "127.0.0.11" },
  "cart-1": { app: "cart", address: "127.0.0.12" },
  "cart-2": { app: "cart", address: "127.0.0.13" },
  "other-1": { app: "other", address: "127.0.0.14" },
} as const;

/** The name of one of them. */
type PodName = keyof typeof pods;
const podNames = Object.keys(pods) as PodName[];

/** Services: their addresses, the workload that they select, and its pods. */
const services: Readonly<
  Record<string, { readonly address: string; readonly app: string; readonly pods: readonly PodName[] }>
> = {
  web: { address: "10.96.10.1", app: "web", pods: ["web-1"] },
  cart: { address: "10.96.10.2", app: "cart", pods: ["cart-1", "cart-2"] },
  "cart-v1": { address: "10.96.10.3", app: "cart", pods: ["cart-1", "cart-2"] },
  "cart-v2": { address: "10.96.10.4", app: "other", pods: ["other-1"] },
};

/** Generations of what is in force. */
interface Floor {
  readonly policy: number;
  readonly split: number;
}

/** See above. */
export interface Shop {
  /** Its objects; the namespace may be there already. */
  create(): Promise<void>;
  /** A policy, or a split, of the cart, of a generation of {@link judge}; the one before goes over into it. */
  applyPolicy(generation: number): Promise<void>;
  applySplit(generation: number): Promise<void>;
  /** Starts the streams of the sidecars of all pods. */
  connect(): void;
  /** The sidecar of a pod loses all that it has, as one does whose container is restarted. */
  forget(pod: PodName): void;
  /** Ends the sidecars, and their pods. */
  leave(): Promise<void>;
  /** Removes every object that this shop has made. */
  remove(): Promise<void>;
  /** From now on no proxy may hold less than this, nor less than it has held. */
  require(least: Partial<Floor>): void;
  /** Until then any may hold less than it has held. */
  release(): void;
  /** Of what the proxies may never hold; each once. */
  readonly problems: ReadonlySet<string>;
  /** What is in force at each pod. */
  generations(): Readonly<Record<string, Generations>>;
  /** What each holds: versions by type and name. */
  held(): Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly sidecars: ReadonlyMap<string, Sidecar>;
  /** Ends the sidecars. */
  close(): void;
}

/** A shop whose sidecars connect to an operator on this port. Nothing exists yet. */
export function createShop(client: KubeClient, xdsPort: number): Shop {
  const sidecars = new Map<PodName, Sidecar>();
  const nodes = new Map<PodName, string>();
  const seen = new Map<PodName, Generations>();
  const problems = new Set<string>();
  const nothing: Floor = { policy: 0, split: 0 };
  let floor = nothing;
  let isReleased = true;
  const at = (name: string) => ({ namespace, name });

  /** As in a volume of the pod: what was there last stays while the API server is away. */
  const mounted = new Map<string, SidecarCredentials>();
  const credentialsOf = async (app: string): Promise<SidecarCredentials> => {
    try {
      const secret = await client.get(kinds.Secret, at(secretOfServiceAccount(app)), { timeout: 5000 });
      const found = { cert: decode(secret, "tls.crt"), key: decode(secret, "tls.key"), ca: decode(secret, "ca.crt") };
      mounted.set(app, found);
      return found;
    } catch (error) {
      const last = mounted.get(app);
      if (isApiError(error, "notFound") || last === undefined) throw error;
      return last;
    }
  };

  const start = (pod: PodName): void => {
    const { app, address } = pods[pod];
    seen.delete(pod);
    const sidecar = startSidecar({
      port: xdsPort,
      node: nodes.get(pod) ?? "",
      localAddress: address,
      credentials: () => credentialsOf(app),
      onHeld: (held) => {
        const say = (problem: string): void => void problems.add(`${pod}: ${problem}`);
        const now = judge(held, say);
        const before = seen.get(pod);
        const isCart = app === "cart";
        for (const what of ["requests", "connections", "split"] as const) {
          const required = what === "split" ? floor.split : isCart ? floor.policy : 0;
          const least = isReleased ? 0 : Math.max(required, before?.[what] ?? 0);
          const value = now[what];
          if (value !== undefined && value < least) say(`${what} fell from generation ${least} to ${value}`);
        }
        seen.set(pod, now);
      },
    });
    sidecars.set(pod, sidecar);
  };
  const close = (): void => {
    for (const sidecar of sidecars.values()) sidecar.close();
    sidecars.clear();
    seen.clear();
  };
  const removeAll = (kind: Kind, names: readonly string[]): Promise<unknown> =>
    Promise.all(
      names.map((name) =>
        client.delete(kind, at(name)).catch((error: unknown) => {
          if (!isApiError(error, "notFound")) throw error;
        }),
      ),
    );

  return {
    create: async () => {
      const labels = { [keys.inject]: "enabled" };
      await client.apply(kinds.Namespace, { metadata: { name: namespace, labels } }, { fieldManager: "admin" });
      for (const [name, { address, app, pods: endpoints }] of Object.entries(services)) {
        const ports = [
          { name: "http", port: shopPorts.service, targetPort: shopPorts.http },
          { name: "tcp", port: shopPorts.tcp, targetPort: shopPorts.tcp },
        ];
        await client.create(kinds.Service, {
          metadata: at(name),
          spec: { clusterIP: address, selector: { app }, ports },
        } as ObjectToWrite);
        await client.create(kinds.EndpointSlice, {
          metadata: { ...at(name), labels: { "kubernetes.io/service-name": name } },
          addressType: "IPv4",
          endpoints: endpoints.map((pod) => ({
            // A loopback address is not allowed here.
            addresses: [pods[pod].address.replace("127.", "10.")],
            conditions: { ready: true },
            targetRef: { kind: "Pod", ...at(pod) },
          })),
          ports: ports.map(({ name, targetPort }) => ({ name, port: targetPort, protocol: "TCP" })),
        } as ObjectToWrite);
      }
      for (const name of podNames) {
        await createInjectedPod(client, `${namespace}/${name}`, {
          ...pods[name],
          drainSeconds: 1,
          ports: [
            { name: "http", containerPort: shopPorts.http },
            { name: "tcp", containerPort: shopPorts.tcp },
          ],
        });
        const pod: Pod = await client.get(kinds.Pod, at(name));
        nodes.set(name, `${namespace}/${name}/${pod.metadata.uid}`);
      }
    },
    applyPolicy: async (generation) => {
      const [one, two, three] = callersOf(generation).map((caller) => [{ source: { serviceAccounts: [caller] } }]);
      const onlyRequests = [{ operation: { paths: [`/${generation}`] } }];
      const rules = [{ from: one }, { from: two, to: onlyRequests }, { from: three }];
      const spec = { selector: { matchLabels: { app: "cart" } }, rules };
      const body = { metadata: at("cart"), spec } as ObjectToWrite;
      await client.apply(kinds.AuthorizationPolicy, body, { fieldManager: "user" });
    },
    applySplit: async (generation) => {
      const [first = 0, second = 0] = weightsOf[generation] ?? [];
      const backends = [
        { service: "cart-v1", weight: first },
        { service: "cart-v2", weight: second },
      ];
      const body = { metadata: at("cart"), spec: { service: "cart", backends } } as ObjectToWrite;
      await client.apply(kinds.TrafficSplit, body, { fieldManager: "user" });
    },
    connect: () => {
      for (const name of podNames) start(name);
    },
    forget: (pod) => {
      sidecars.get(pod)?.close();
      if (sidecars.has(pod)) start(pod);
    },
    leave: async () => {
      close();
      await removeAll(kinds.Pod, podNames);
    },
    remove: async () => {
      close();
      floor = nothing;
      await removeAll(kinds.Pod, podNames);
      await removeAll(kinds.EndpointSlice, Object.keys(services));
      await removeAll(kinds.Service, Object.keys(services));
      await removeAll(serviceAccount, ["web", "cart", "other"]);
      await removeAll(kinds.AuthorizationPolicy, ["cart"]);
      await removeAll(kinds.TrafficSplit, ["cart"]);
    },
    require: (least) => {
      floor = { ...floor, ...least };
      isReleased = false;
    },
    release: () => {
      floor = nothing;
      isReleased = true;
    },
    problems,
    generations: () => Object.fromEntries(seen),
    held: () =>
      Object.fromEntries(
        [...sidecars].map(([name, { held }]) => [
          name,
          Object.fromEntries(
            Object.entries(held).flatMap(([type, resources]) =>
              [...resources].map(([of, { version }]) => [`${type} ${of}`, version] as const),
            ),
          ),
        ]),
      ),
    sidecars,
    close,
  };
}
