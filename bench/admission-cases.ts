/** Clusters that a compile of may keep the operator from answering: large ones, and such as the API server just takes. */
import type { Snapshot } from "../src/model/snapshot.ts";
import {
  authorizationPolicy,
  clusterOf,
  type GivenObject,
  meshTLS,
  namespace,
  pod,
  service,
  trafficSplit,
} from "../test/support/objects.ts";

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);
const address = (network: number, index: number): string =>
  `10.${network + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;

/** 50 namespaces, 200 policies, 100 splits, 50 MeshTLS, and as many pods of 1,000 services. */
function mesh(pods: number): readonly GivenObject[] {
  const services = 1000;
  const place = (index: number): string => `ns-${index % 50}/app-${index}`;
  return [
    ...upTo(50).map((index) => namespace(`ns-${index}`)),
    ...upTo(services).map((index) =>
      service(place(index), { addresses: [address(96, index)], selector: { app: `app-${index}` } }),
    ),
    ...upTo(pods).map((index) => {
      const of = index % services;
      const labels = { app: `app-${of}` };
      return pod(`${place(of)}-${index}`, { labels, serviceAccount: `app-${of}`, addresses: [address(64, index)] });
    }),
    ...upTo(200).map((index) => {
      const selector = { matchLabels: { app: `app-${index}` } };
      const rules = [{ from: [{ source: { serviceAccounts: [`app-${index + 50}`] } }] }];
      return authorizationPolicy(`ns-${index % 50}/policy-${index}`, { selector, rules });
    }),
    ...upTo(100).map((index) => {
      const [root, other] = [`app-${index}`, `app-${index + 50}`];
      const backends = [
        { service: root, weight: 90 },
        { service: other, weight: 10 },
      ];
      return trafficSplit(`ns-${index % 50}/split-${index}`, { service: root, backends });
    }),
    ...upTo(50).map((index) => meshTLS(`ns-${index}/tls`, { mode: "Strict" })),
  ];
}

/** Each applies to all 20 workloads of its namespace. */
const manyPolicies = upTo(5000).map((index) =>
  authorizationPolicy(`ns-0/many-${index}`, { rules: [{ to: [{ operation: { paths: [`/many/${index}/*`] } }] }] }),
);

/** Five policies of one workload, each of nearly 1 MiB. */
const longLists = upTo(5).map((index) => {
  const list = (rule: number, source: number) =>
    upTo(64).map(
      (turn) => `cluster.local/ns/${"n".repeat(60)}/sa/${index}-${rule}-${source}-${turn}-${"s".repeat(150)}`,
    );
  const rules = upTo(8).map((rule) => ({
    from: upTo(8).map((turn) => ({ source: { principals: list(rule, turn) } })),
  }));
  return authorizationPolicy(`ns-0/long-${index}`, { selector: { matchLabels: { app: "app-0" } }, rules });
});

/** As many, and as long, as splits may have, on the services of one namespace. */
const expressions = upTo(20).map((index) => {
  const value = `(((a+)+)+)+${"(?:[a-z]{0,9}\\d|b?)*".repeat(45)}`;
  const matches = upTo(32).map((turn) => ({ path: { type: "RegularExpression" as const, value: `${value}${turn}` } }));
  const name = `app-${index * 50}`;
  return trafficSplit(`ns-0/expressions-${index}`, {
    service: name,
    backends: [{ service: name, weight: 1 }],
    matches,
  });
});

/** What is compiled, by its name; made when it is asked for. */
export const cases: Readonly<Record<string, () => Snapshot>> = {
  "1,000 services, 2,000 pods": () => clusterOf(mesh(2000)),
  "1,000 services, 10,000 pods": () => clusterOf(mesh(10_000)),
  "the first, and 5,000 policies of one namespace": () => clusterOf([...mesh(2000), ...manyPolicies]),
  "the first, and five policies of 1 MiB": () => clusterOf([...mesh(2000), ...longLists]),
  "the first, and 640 expressions of the worst kind": () => clusterOf([...mesh(2000), ...expressions]),
};
