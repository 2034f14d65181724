/** What the benchmarks measure on: the same application in the mesh and outside of it. */

/** Namespace of the mesh. */
export const meshed = "bench";
/** Namespace outside of it. */
export const plain = "bench-plain";

const image = "heddle-demo-app:dev";

const deployment = (namespace: string, name: string, service?: string): string => `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}, of: ${service ?? name}}}
    spec:
      containers:
        - name: app
          image: ${image}
          args: [serve, "8080"]
          env: [{name: APP_NAME, value: ${name}}]
---
`;

const service = (namespace: string, name: string, selector: string): string => `apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}}
spec: {selector: {${selector}}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
`;

const of = (namespace: string): string =>
  deployment(namespace, "client") +
  ["server-a", "server-b"]
    .map((name) => deployment(namespace, name, "server") + service(namespace, name, `app: ${name}`))
    .join("") +
  service(namespace, "server", "of: server");

/** A client, and a Service `server` with two backends that are Services too, in either namespace. */
export const workloads: string = `apiVersion: v1
kind: Namespace
metadata: {name: ${meshed}, labels: {heddle.dev/inject: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: ${plain}}
---
${of(meshed)}${of(plain)}`;

/** Services that nobody calls, for sidecars to know. */
export const idleServices = (count: number): string =>
  Array.from({ length: count }, (_, index) => service(meshed, `idle-${index}`, "app: server-a")).join("");

/** A pod of a workload and of a ServiceAccount, which must exist. */
export const podOf = (namespace: string, name: string, app: string, serviceAccountName: string) => ({
  metadata: { name, namespace, labels: { app } },
  spec: {
    serviceAccountName,
    terminationGracePeriodSeconds: 0,
    containers: [{ name: "app", image, imagePullPolicy: "IfNotPresent", args: ["serve", "8080"] }],
  },
});
