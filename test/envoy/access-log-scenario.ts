/**
 * What a sidecar logs of each fate that a call can have, inside a network namespace of its own: run it with
 * `unshare --net`. Prints the lines of each call as JSON, for `access-log.test.ts` to judge.
 */
import { serviceResources } from "../../src/envoy/service.ts";
import type { MeshServicePort, TLSMode, WeightedBackend, WorkloadClass } from "../../src/model/mesh.ts";
import type { AccessLogSetting } from "../../src/model/snapshot.ts";
import { until } from "../../tools/processes.ts";
import {
  identityOf,
  meshEndpoint,
  meshPolicy,
  meshRule,
  meshService,
  servicePort,
  workloadClass,
} from "../support/mesh-samples.ts";
import { createTestAuthority } from "../support/test-identity.ts";
import { exchange, http, mesh, plaintext } from "./sidecar-callers.ts";
import type { LogLine } from "./sidecar-world.ts";
import { families, pod, ports, redirect, startApplication, vip, withSidecar } from "./sidecar-world.ts";

const authority = await createTestAuthority();
const frontend = await authority.issue(identityOf("shop", "frontend"));
const stranger = await authority.issue(identityOf("other", "stranger"));
const foreign = await (await createTestAuthority()).issue(identityOf("shop", "frontend"));
const own = await authority.issue(identityOf("shop", "checkout"));

const ofMode = (mode: TLSMode, parts: Partial<WorkloadClass> = {}): WorkloadClass =>
  workloadClass({
    mode,
    ports: [
      { port: ports.serverFirst, protocol: "tcp", mode },
      { port: ports.http, protocol: "http", mode },
    ],
    families,
    ...parts,
  });
const allow = [
  meshPolicy("shop/frontend-only", [
    meshRule({ serviceAccounts: { any: [{ namespace: "shop", name: "frontend" }] } }, { ports: { any: [1] } }),
    meshRule({ serviceAccounts: { any: [{ namespace: "shop", name: "frontend" }] } }),
  ]),
];
const deny = [
  meshPolicy("shop/no-admin", [
    meshRule({}, { ports: { any: [ports.http] }, paths: { any: [{ type: "prefix", value: "/admin" }] } }),
  ]),
  meshPolicy("shop/no-database", [meshRule({}, { ports: { any: [ports.serverFirst] } })]),
];

type Calls = Readonly<Record<string, () => Promise<unknown>>>;
type Seen = Record<string, readonly LogLine[]>;

/** Calls one after another, and tells which lines each left. The last call is one that always leaves a line. */
async function linesOf(calls: Calls, marker: () => Promise<unknown>, log: () => readonly LogLine[]): Promise<Seen> {
  const seen: Seen = {};
  let before = 0;
  for (const [name, call] of Object.entries(calls)) {
    await call();
    await marker();
    const isMarked = (): Promise<boolean> => Promise.resolve(log().slice(before).some(isMarker));
    await until(`the log of ${name}`, isMarked, { timeout: 10_000, interval: 20 });
    seen[name] = log()
      .slice(before)
      .filter((line) => !isMarker(line));
    before = log().length;
  }
  return seen;
}

const isMarker = ({ path }: LogLine): boolean => path === "/marker";
/** A request with two hosts is refused, so it is always logged. */
const marker = (): Promise<unknown> => http(mesh(frontend), "/marker", ["Host: a", "Host: b"]);

async function inbound(logged: AccessLogSetting): Promise<Record<string, Seen>> {
  return {
    strict: await withSidecar(
      own,
      ofMode("Strict"),
      (log) =>
        linesOf(
          {
            plaintext: () => http(plaintext, "/"),
            foreign: () => http(mesh(foreign), "/"),
            served: () => http(mesh(frontend), "/ok?token=in-the-query", ["Host: checkout", "Cookie: in-the-cookie"]),
            tcp: () => exchange({ ...mesh(frontend), port: ports.serverFirst }, ""),
            hostilePath: () =>
              http(mesh(frontend), '/"},{"direction":"forged\\', [
                "Host: a,b",
                'x-request-id: "}\xff\xfe\\',
                "Authorization: Bearer in-the-header",
              ]),
            notHTTP: () => exchange(mesh(frontend), 'GET /"\x01}\n HTTP/1.1\r\n\r\n'),
          },
          marker,
          log,
        ),
      [],
      logged,
    ),
    judged: await withSidecar(
      own,
      ofMode("Permissive", { allow, deny }),
      (log) =>
        linesOf(
          {
            allowed: () => http(mesh(frontend), "/"),
            notAllowed: () => http(mesh(stranger), "/"),
            plaintext: () => http(plaintext, "/"),
            denied: () => http(mesh(frontend), "/admin"),
            deniedTCP: () => exchange({ ...mesh(frontend), port: ports.serverFirst }, "anything"),
            notAllowedTCP: () => exchange({ ...mesh(stranger), port: ports.undeclared }, "anything"),
          },
          marker,
          log,
        ),
      [],
      logged,
    ),
  };
}

async function outbound(): Promise<Seen> {
  const to = (port: number, backends: readonly WeightedBackend[], parts: Partial<MeshServicePort> = {}) =>
    servicePort(port, "http", {
      endpoints: [meshEndpoint(pod, ports.http)],
      routing: { routes: [{ backends }] },
      ...parts,
    });
  const own80 = (port: number) => ({ kind: "service", namespace: "shop", service: "checkout", port }) as const;
  const services = serviceResources(
    meshService(
      [
        to(80, [{ weight: 1, target: own80(80) }]),
        to(81, [{ weight: 1, target: { kind: "unavailable", reason: "missing-backend" } }]),
        to(82, []),
        to(83, [{ weight: 1, target: own80(83) }], { serverIdentities: [identityOf("shop", "somebody-else")] }),
        to(84, [{ weight: 1, target: { kind: "unavailable", reason: "missing-port" } }]),
        to(85, [{ weight: 1, target: own80(85) }], { endpoints: [] }),
      ],
      [vip],
    ),
  );
  const calls: Calls = Object.fromEntries(
    [80, 81, 82, 83, 84, 85].map((port) => [String(port), () => http({ host: vip, port }, "/path?token=in-the-query")]),
  );
  const use = (log: () => readonly LogLine[]): Promise<Seen> => linesOf(calls, marker, log);
  return withSidecar(own, ofMode("Strict"), use, services);
}

redirect();
await startApplication(own);
const result = { all: await inbound("all"), errors: await inbound("errors"), outbound: { errors: await outbound() } };
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
