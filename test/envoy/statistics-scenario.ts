/**
 * The statistics of a sidecar that knows 55 services and calls fifty of them, and is called by more identities than it
 * counts; inside a network namespace of its own: run it with `unshare --net`. Prints the scrapes and Envoy's memory as
 * JSON, for `statistics.test.ts` to judge.
 */
import { request } from "node:http";
import { encodeResource, type ResourceBodies } from "../../src/envoy/encode.ts";
import type { EnvoyResource } from "../../src/envoy/resource.ts";
import { serviceResources } from "../../src/envoy/service.ts";
import { ports as sidecarPorts } from "../../src/model/sidecar.ts";
import { identityOf, meshEndpoint, meshService, servicePort, workloadClass } from "../support/mesh-samples.ts";
import { createTestAuthority } from "../support/test-identity.ts";
import { exchange, http, mesh } from "./sidecar-callers.ts";
import { families, pod, ports, redirect, startApplication, withSidecar } from "./sidecar-world.ts";

const authority = await createTestAuthority();
const own = await authority.issue(identityOf("shop", "checkout"));
const known = Array.from({ length: 55 }, (_, index) => `service-${index}`);
const called = known.slice(0, 50);
const address = (service: string): string => `10.96.1.${known.indexOf(service) + 1}`;

const services = known.flatMap((name) => {
  const target = { kind: "service", namespace: "stock", service: name, port: 80 } as const;
  const port = servicePort(80, "http", {
    endpoints: [meshEndpoint(pod, ports.http)],
    routing: { routes: [{ backends: [{ weight: 1, target }] }] },
  });
  const service = { ...meshService([port], [address(name)]), key: `stock/${name}`, namespace: "stock", name };
  return withoutDiscovery(serviceResources(service));
});

/** Endpoints within their cluster: each file that Envoy watches takes an inotify instance, of which there are 128. */
function withoutDiscovery(resources: readonly EnvoyResource[]): readonly EnvoyResource[] {
  const assignment = resources.find(({ type }) => type === "endpoint")?.config;
  return resources.flatMap((resource) => {
    if (resource.type === "endpoint") return [];
    if (resource.type !== "cluster") return [resource];
    const { eds_cluster_config: _, ...config } = resource.config;
    const cluster = { ...config, type: "STATIC", load_assignment: assignment } as ResourceBodies["cluster"];
    return [encodeResource("cluster", resource.name, cluster)];
  });
}

/** What a path of a local port says. */
function read(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ host: "127.0.0.1", port, path }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve(text));
    });
    call.on("error", reject);
    call.end();
  });
}
const scrape = (): Promise<string> => read(sidecarPorts.status, "/stats/prometheus");
const memory = async (): Promise<number> =>
  Number((JSON.parse(await read(sidecarPorts.admin, "/memory")) as { allocated: string }).allocated);

redirect();
await startApplication(own);
const workload = workloadClass({
  mode: "Strict",
  families,
  ports: [
    { port: ports.http, protocol: "http", mode: "Strict" },
    { port: ports.serverFirst, protocol: "tcp", mode: "Strict" },
  ],
});
const result = await withSidecar(
  own,
  workload,
  async () => {
    const start = { text: await scrape(), memory: await memory() };
    for (const service of called) await http({ host: address(service), port: 80 }, "/");
    await exchange({ ...mesh(own), port: ports.serverFirst }, "");
    const calls = { text: await scrape(), memory: await memory() };
    const statuses: string[] = [];
    for (let index = 0; index < 220; index++) {
      const caller = await authority.issue(identityOf("callers", `caller-${index}`));
      statuses.push((await http(mesh(caller), "/")).status);
    }
    return { start, calls, crowd: { text: await scrape(), statuses } };
  },
  services,
);
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
