/** The objects of `bad-input.test.ts`: all of the namespace `junk`, each with what is wrong with it. */
import type { KindName } from "../../src/api/kinds.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { recordVariable } from "../../src/model/injection-record.ts";
import { containers, keys } from "../../src/model/sidecar.ts";

export type OwnKind = "TrafficSplit" | "AuthorizationPolicy" | "MeshTLS";

/** An object of the namespace `junk`, as JSON. */
export const object = (kind: KindName, name: string, body: object): [KindName, ObjectToWrite] => [
  kind,
  { metadata: { name, namespace: "junk" }, ...body } as ObjectToWrite,
];
const labelled = (kind: KindName, name: string, metadata: object, body: object): [KindName, ObjectToWrite] => [
  kind,
  { metadata: { name, namespace: "junk", ...metadata }, ...body } as ObjectToWrite,
];

/** Objects that an older schema let in, and what is said of them. */
export const stored: readonly {
  readonly what: string;
  readonly kind: OwnKind;
  readonly name: string;
  readonly spec: unknown;
  readonly message: RegExp;
  /** No status of it can be written: an event has the message. */
  readonly untold?: boolean;
}[] = [
  {
    what: "a split whose backends are no objects: a rule of the schema keeps its status from being written",
    untold: true,
    kind: "TrafficSplit",
    name: "numbers",
    spec: { service: "constructor", backends: [1, null] },
    message: /spec\.backends\[0\]: must be an object/,
  },
  {
    what: "a split with a weight below 0",
    kind: "TrafficSplit",
    name: "negative",
    spec: { service: "no", backends: [{ service: "no", weight: -1 }] },
    message: /spec\.backends\[0\]\.weight: must be at least 0/,
  },
  {
    what: "a policy with a null rule",
    kind: "AuthorizationPolicy",
    name: "null-rule",
    spec: { selector: { matchLabels: { app: "closed" } }, rules: [null] },
    message: /spec\.rules\[0\].*Until then, everything that it selects is denied/,
  },
  {
    what: "a policy with a block that is none",
    kind: "AuthorizationPolicy",
    name: "block",
    spec: {
      selector: { matchLabels: { app: "closed" } },
      rules: [{ from: [{ source: { ipBlocks: ["10.0.0.0/99"] } }] }],
    },
    message: /10\.0\.0\.0\/99.*CIDR.*Until then, everything that it selects is denied/,
  },
  {
    what: "a policy whose selector is no object: nobody knows what it selects",
    kind: "AuthorizationPolicy",
    name: "selector",
    spec: { selector: ["app"], rules: [{}] },
    message: /spec\.selector: must be an object/,
  },
  {
    what: "a MeshTLS with a mode that there is not",
    kind: "MeshTLS",
    name: "shouting",
    spec: { selector: { matchLabels: { app: "closed" } }, mode: "STRICT" },
    message: /spec\.mode: must be one of Strict, Permissive, Disabled/,
  },
];

const service = (name: string, spec: object = {}) =>
  object("Service", name, { spec: { ports: [{ name: "http", port: 80, targetPort: 8080 }], ...spec } });
const split = (name: string, spec: object) => object("TrafficSplit", name, { spec });

/** What the API server takes, since it cannot see what is wrong. */
export const accepted: readonly {
  readonly what: string;
  readonly objects: readonly [KindName, ObjectToWrite][];
  readonly kind: OwnKind;
  readonly name: string;
  readonly conditions: Readonly<Record<string, string>>;
  readonly message: RegExp;
}[] = [
  {
    what: "a split of a Service that does not exist",
    objects: [split("no-root", { service: "nowhere", backends: [{ service: "nowhere", weight: 1 }] })],
    kind: "TrafficSplit",
    name: "no-root",
    conditions: { ResolvedRefs: "False ServiceNotFound", Accepted: "True Accepted", Ready: "False ServiceNotFound" },
    message: /junk\/nowhere does not exist/,
  },
  {
    what: "a split of another namespace's Service",
    objects: [split("abroad", { service: "cart.shop", backends: [{ service: "cart", weight: 1 }] })],
    kind: "TrafficSplit",
    name: "abroad",
    conditions: { Accepted: "False Invalid", Stalled: "True Invalid" },
    message: /spec\.service/,
  },
  {
    what: "a backend that does not exist",
    objects: [service("root"), split("no-backend", { service: "root", backends: [{ service: "gone", weight: 1 }] })],
    kind: "TrafficSplit",
    name: "no-backend",
    conditions: { ResolvedRefs: "False BackendNotFound", Ready: "False BackendNotFound" },
    message: /spec\.backends\[0\]\.service.*junk\/gone/,
  },
  {
    what: "weights that are all zero",
    objects: [service("zero"), split("no-weight", { service: "zero", backends: [{ service: "zero", weight: 0 }] })],
    kind: "TrafficSplit",
    name: "no-weight",
    conditions: { ResolvedRefs: "False NoWeight", Ready: "False NoWeight" },
    message: /zero|weight/,
  },
  {
    what: "two splits that claim the same: the second names the first",
    objects: [
      service("claimed"),
      split("claim-a", { service: "claimed", backends: [{ service: "claimed", weight: 1 }] }),
      split("claim-b", { service: "claimed.junk", backends: [{ service: "claimed", weight: 2 }] }),
    ],
    kind: "TrafficSplit",
    name: "claim-b",
    conditions: { Accepted: "False Conflicted", Stalled: "True Conflicted" },
    message: /junk\/claim-a/,
  },
  {
    what: "two MeshTLS for the same pods: the second names the first",
    objects: ["a", "b"].map((name) =>
      object("MeshTLS", `claim-${name}`, { spec: { selector: { matchLabels: { app: "torn" } }, mode: "Strict" } }),
    ),
    kind: "MeshTLS",
    name: "claim-b",
    conditions: { Accepted: "False Conflicted", Stalled: "True Conflicted" },
    message: /junk\/claim-a/,
  },
  {
    what: "a policy for a Service that does not exist",
    objects: [
      object("AuthorizationPolicy", "aimless", {
        spec: { targetRefs: [{ kind: "Service", name: "nowhere" }], rules: [{}] },
      }),
    ],
    kind: "AuthorizationPolicy",
    name: "aimless",
    conditions: { ResolvedRefs: "False ServiceNotFound", Ready: "False ServiceNotFound" },
    message: /nowhere does not exist in namespace junk/,
  },
  {
    what: "a policy on labels that nobody can have in common",
    objects: [
      object("AuthorizationPolicy", "constructor", {
        spec: { selector: { matchLabels: { constructor: "toString" } }, rules: [{}] },
      }),
    ],
    kind: "AuthorizationPolicy",
    name: "constructor",
    // A finding only: it must not fail a rollout.
    conditions: { Programmed: "True NoProxies", Ready: "True Ready" },
    message: /no Ready proxy/,
  },
];

const pod = (name: string, metadata: object, spec: object) =>
  labelled("Pod", name, metadata, {
    spec: {
      serviceAccountName: "closed",
      containers: [{ name: "app", image: "app" }],
      initContainers: [{ name: containers.proxy, image: "proxy", restartPolicy: "Always", ...spec }],
    },
  });
const slice = (name: string, of: string, body: object) =>
  labelled("EndpointSlice", name, { labels: { "kubernetes.io/service-name": of } }, body);

/** Objects of Kubernetes' own kinds, which have no condition of ours: that they do no harm is all. */
export const foreign: readonly { readonly what: string; readonly objects: readonly [KindName, ObjectToWrite][] }[] = [
  {
    what: "a ConfigMap with our label and hostile keys",
    objects: [
      labelled(
        "ConfigMap",
        "heddle-hostile",
        { labels: { [keys.managedBy]: "heddle" } },
        {
          data: JSON.parse('{"__proto__":"a","constructor":"b","bootstrap.yaml":"- ["}') as object,
        },
      ),
      labelled(
        "ConfigMap",
        "heddle-reach-hostile",
        { labels: { [keys.managedBy]: "heddle" }, annotations: { [keys.revision]: "x", [keys.origins]: "[{" } },
        { data: { "outbound.yaml": "evil" }, binaryData: { __proto__: "AA==", toString: "AA==" } },
      ),
    ],
  },
  {
    what: "a Secret with our label and hostile keys",
    objects: [
      labelled(
        "Secret",
        "heddle-identity-hostile",
        { labels: { [keys.managedBy]: "heddle" } },
        {
          type: "Opaque",
          data: JSON.parse('{"__proto__":"YQ==","constructor":"YQ==","tls.crt":"YQ=="}') as object,
        },
      ),
    ],
  },
  {
    what: "endpoints that are the neighbour's pod, its Service's address, a port of the sidecar, a name, nothing",
    objects: [
      service("thief"),
      slice("thief-1", "thief", {
        addressType: "IPv4",
        endpoints: [
          { addresses: ["10.1.0.1"], targetRef: { kind: "Pod", name: "cart-1", namespace: "shop" } },
          { addresses: ["10.1.0.1"], targetRef: { kind: "Pod", name: "closed-1", namespace: "junk" } },
          { addresses: ["10.96.0.1"] },
        ],
        ports: [
          { name: "http", port: 15_006 },
          { name: "no", port: 15_000 },
          { name: "y", port: null },
        ],
      }),
      slice("thief-2", "thief", { addressType: "FQDN", endpoints: [{ addresses: ["evil.example"] }], ports: [] }),
      slice("thief-3", "cart", { addressType: "IPv4", endpoints: [{ addresses: ["10.1.0.2"] }], ports: [{}] }),
      slice("thief-4", "thief", { addressType: "IPv6", endpoints: null, ports: null }),
    ],
  },
  {
    what: "Services of every odd kind",
    objects: [
      service("constructor", { selector: { constructor: "toString" } }),
      service("tostring", { type: "ExternalName", externalName: "cart.shop.svc.cluster.local" }),
      service("headless", { clusterIP: "None", selector: { app: "closed" } }),
      service("claims-addresses", { externalIPs: ["10.1.0.1"] }),
      service("odd-ports", {
        ports: [
          { name: "no", port: 1, protocol: "UDP" },
          { name: "y", port: 1, protocol: "TCP", targetPort: "null", appProtocol: "constructor" },
          { name: "1e3", port: 1, protocol: "SCTP" },
        ],
      }),
    ],
  },
  {
    what: "pods that say of themselves what is not so",
    objects: [
      pod("class", { annotations: { [keys.class]: "../../kube-system/x" } }, {}),
      pod("other-class", { annotations: { [keys.class]: "cart" }, labels: { app: "cart" } }, {}),
      pod("record", { annotations: { [keys.class]: "x" } }, { env: [{ name: recordVariable, value: "{" }] }),
      pod(
        "ports",
        { annotations: { [keys.class]: "x" } },
        {
          env: [{ name: recordVariable, value: '{"excludedPorts":["15006",{}],"__proto__":{"probes":7}}' }],
        },
      ),
      pod(
        "probes",
        { annotations: { [keys.class]: "x" } },
        {
          env: [{ name: recordVariable, value: '{"probes":[{"container":"__proto__","port":-1}]}' }],
        },
      ),
    ],
  },
  {
    what: "namespaces with hostile names, labels and bounds",
    objects: [
      ...["constructor", "no", "1e3"].map((name): [KindName, ObjectToWrite] => [
        "Namespace",
        { metadata: { name, labels: { [keys.inject]: "constructor" }, annotations: { "heddle.dev/max-cpu": "{" } } },
      ]),
      ["Service", { metadata: { name: "no", namespace: "no" }, spec: { ports: [{ port: 80 }] } }],
    ],
  },
];
