/** Probes of every kind, asked by the (local) kubelet as the API server's pod says, under a policy that denies everything. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runScript } from "../../tools/demo/rotation.ts";
import { createTestAuthority } from "../support/test-identity.ts";
import { inURL } from "./addresses.ts";
import { useMesh } from "./mesh.ts";
import { call } from "./support.ts";

const mesh = useMesh();

const kinds = ["http", "host", "https", "tcp", "grpc"] as const;
type Kind = (typeof kinds)[number];

const probes: Readonly<Record<Kind, string>> = {
  http: "httpGet: { path: '/healthz?full=1', port: web }",
  host: "httpGet: { path: '/healthz?full=1', port: 8081, httpHeaders: [{ name: Host, value: shop.example }] }",
  https: "httpGet: { path: '/healthz?full=1', port: 8443, scheme: HTTPS }",
  tcp: "tcpSocket: { port: 9000 }",
  grpc: "grpc: { port: 9090, service: shop.Cart }",
};
const ports: Readonly<Record<Kind, number>> = { http: 8080, host: 8081, https: 8443, tcp: 9000, grpc: 9090 };

/** Handlers that nothing answers. The local kubelet runs neither. */
const hanging = `livenessProbe: { httpGet: { path: /hang, port: 8081 }, timeoutSeconds: 2 }
      lifecycle: { postStart: { httpGet: { path: /hang, port: 8081 } } }`;

function container(kind: Kind): string {
  const protocol = kind === "host" ? "http" : kind;
  return `
    - name: ${kind}
      image: heddle-demo-app:dev
      command: [node, /app/test/dataplane/probe-app.ts, ${protocol}, "${ports[kind]}"]
      env:
        - { name: POD_IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }
        ${kind === "host" ? "- { name: HOST, value: shop.example }" : ""}
        ${kind === "https" ? "- { name: TLS, value: PEM }" : ""}
      ports: [{ name: ${kind === "http" ? "web" : kind}, containerPort: ${ports[kind]} }]
      readinessProbe: { ${probes[kind]}, periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 2 }
      ${kind === "http" ? `startupProbe: { ${probes[kind]}, periodSeconds: 1 }` : ""}
      ${kind === "http" ? "lifecycle: { preStop: { httpGet: { path: /drain, port: web } } }" : ""}
      ${kind === "host" ? hanging : ""}`;
}

const policy = (mode: string): string => `apiVersion: heddle.dev/v1alpha1
kind: MeshTLS
metadata: { name: probed, namespace: shop }
spec: { selector: { matchLabels: { app: probed } }, mode: ${mode} }
`;

interface PodView {
  readonly status: {
    readonly podIP: string;
    readonly containerStatuses: readonly {
      readonly name: string;
      readonly ready: boolean;
      readonly restartCount: number;
    }[];
  };
}

const podOf = (): Promise<PodView> => mesh().get<PodView>("pod", "shop", "probed");

async function expectReady(ready: boolean): Promise<void> {
  let seen: unknown;
  const reached = mesh().cluster.waitFor(
    `every container to be ${ready ? "ready" : "not ready"}`,
    async () => {
      const { containerStatuses } = (await podOf()).status;
      seen = containerStatuses.map((status) => [status.name, status.ready]);
      return containerStatuses.every((status) => status.ready === ready);
    },
    40_000,
  );
  await expect(reached, JSON.stringify(seen)).resolves.toBe(true);
}

/** Makes the applications go down, or come up again. */
async function toggle(): Promise<void> {
  for (const kind of kinds) {
    const { status } = await mesh().cluster.exec("shop", "probed", kind, ["sh", "-c", "kill -USR2 1"]);
    expect([kind, status]).toEqual([kind, 0]);
  }
}

beforeAll(async () => {
  const authority = await createTestAuthority();
  const { certificate, key } = await authority.issue("spiffe://elsewhere/nobody");
  const manifest = `apiVersion: v1
kind: Pod
metadata: { name: probed, namespace: shop, labels: { app: probed } }
spec:
  terminationGracePeriodSeconds: 60
  containers:${kinds.map(container).join("")}
`;
  await mesh().apply(manifest.replace("PEM", JSON.stringify(`${key}\n${certificate}`)));
  // Nothing may call the application, from anywhere.
  await mesh().apply(`apiVersion: heddle.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: probed, namespace: shop }
spec: { selector: { matchLabels: { app: probed } } }
`);
}, 120_000);

afterAll(async () => {
  await mesh().remove("pod", "shop", "probed");
  await mesh().remove("authorizationpolicies.heddle.dev", "shop", "probed");
  await mesh().remove("meshtls.heddle.dev", "shop", "probed");
}, 60_000);

describe("probes of an application that nobody may call", () => {
  test.each(["Permissive", "Strict", "Disabled"])("%s: it is ready, then down, then ready again", async (mode) => {
    await mesh().apply(policy(mode));
    await expectReady(true);
    await mesh().applyAndWait(policy(mode));
    await toggle();
    await expectReady(false);
    await toggle();
    await expectReady(true);
    expect((await podOf()).status.containerStatuses.map(({ restartCount }) => restartCount)).toEqual(
      kinds.map(() => 0),
    );
  });

  test("nobody sends the application a body by a probe, whole or in chunks", async () => {
    const { podIP } = (await podOf()).status;
    const bodies = [
      "content-length: 5\r\n\r\nhello",
      "content-length: 1\r\n\r\nh",
      "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      "transfer-encoding: chunked\r\n\r\n1\r\nh\r\n0\r\n\r\n",
    ];
    // What comes back of each, all together: the first is a probe's own, without a body.
    const said = async (kind: Kind): Promise<string[]> => {
      const head = `GET /probe/${kind}/readiness HTTP/1.1\r\nhost: ${inURL(podIP)}:15020\r\nconnection: close\r\n`;
      const requests = ["\r\n", ...bodies].map((body) => head + body);
      const script = `const one = (text) => new Promise((done) => {
          let answer = "";
          const socket = require("node:net").connect(15020, ${JSON.stringify(podIP)}, () => socket.write(text));
          socket.on("data", (data) => (answer += data)).on("error", () => {}).on("close", () => done(answer.slice(9, 12)));
        });
        (async () => { const all = []; for (const text of ${JSON.stringify(requests)}) all.push(await one(text)); console.log(all.join()); })();`;
      return (await runScript(mesh(), "outside", "visitor", script)).trim().split(",");
    };
    for (const kind of ["http", "tcp"] as const) {
      const [own, ...others] = await said(kind);
      expect([kind, own]).toEqual([kind, "200"]);
      expect(others).toHaveLength(bodies.length);
      for (const status of others) expect([kind, status]).toEqual([kind, expect.stringMatching(/^(403|413|)$/)]);
    }
  });

  test("the application sees connections of the TCP probe, and not a byte on them", () => {
    expect(mesh().cluster.logs("shop", "probed", "tcp")).not.toContain("received");
  });

  test("others see the status, no header and no body, and reach no other path, query or method", async () => {
    const { podIP } = (await podOf()).status;
    const at = async (path: string, method = "GET") => {
      const report = await call(mesh(), "visitor", `http://${inURL(podIP)}:15020${path}`, {
        count: 1,
        fresh: true,
        method,
      });
      return [report.statuses, report.lastBody];
    };
    for (const kind of kinds.filter((each) => each !== "host")) {
      expect([kind, ...(await at(`/probe/${kind}/readiness`))]).toEqual([kind, { 200: 1 }, ""]);
      expect(await at(`/probe/${kind}/readiness?x=1`)).toEqual([{ 404: 1 }, ""]);
      // Whatever may have a body ends before its path is looked at.
      expect(await at(`/probe/${kind}/readiness`, "POST")).toEqual([{ 403: 1 }, "RBAC: access denied"]);
      expect(await at(`/probe/${kind}/liveness`)).toEqual([{ 404: 1 }, ""]);
    }
    // A Host that its probe does not name is the application's to refuse.
    expect(await at("/probe/host/readiness")).toEqual([{ 418: 1 }, ""]);
    // Directly, the application is out of reach.
    const direct = await call(mesh(), "visitor", `http://${inURL(podIP)}:8080/healthz?full=1`, {
      count: 1,
      fresh: true,
    });
    expect(direct.statuses).not.toHaveProperty("200");
  });

  test("what the application does not answer ends when the kubelet would have given up", async () => {
    const { podIP } = (await podOf()).status;
    const url = `http://${inURL(podIP)}:15020/probe/host/liveness`;
    const report = await call(mesh(), "visitor", url, { count: 1, fresh: true });
    expect([report.statuses, report.lastBody]).toEqual([{ 504: 1 }, ""]);
  });

  test("who keeps all of one handler busy is refused there, and takes nothing from the others", async () => {
    const { podIP } = (await podOf()).status;
    const script = `const http = require("node:http");
      const ask = (path, headers) => http.get({ host: ${JSON.stringify(podIP)}, port: 15020, path, headers, agent: false });
      const [refused, all] = [[], []];
      const check = () => {
        ask("/probe/host/readiness", { host: "shop.example" }).on("response", ({ statusCode }) => {
          console.log(JSON.stringify([refused, statusCode]));
          process.exit(0);
        });
      };
      for (let index = 0; index < 2200; index += 1)
        all.push(ask("/probe/host/postStart").on("error", () => {}).on("response", ({ statusCode, headers }) => {
          if (refused.push(statusCode + headers.location) === 60) check();
        }));`;
    const [refused, other] = JSON.parse(await runScript(mesh(), "outside", "visitor", script)) as [string[], number];
    expect(new Set(refused)).toEqual(new Set(["302:the application gave no answer (UO)"]));
    expect(other).toBe(200);
  });

  test("connections to the status port are at most 4,096, and it goes on when they are gone", async () => {
    const { podIP } = (await podOf()).status;
    const script = `const net = require("node:net");
      let closed = 0;
      for (let index = 0; index < 4200; index += 1)
        net.connect(15020, ${JSON.stringify(podIP)}).on("error", () => {}).on("close", () => {
          closed += 1;
          if (closed === 104) console.log("refused"), process.exit(0);
        });`;
    expect((await runScript(mesh(), "outside", "visitor", script)).trim()).toBe("refused");
    await expectReady(true);
  });

  test("a hook before the end reaches the application, and is waited for", async () => {
    await mesh().remove("pod", "shop", "probed");
    expect(mesh().cluster.logs("shop", "probed", "http")).toMatch(
      /GET \/drain ([0-9.]+|\[[0-9a-f:]+\]):8080\n(.*\n)*drained/,
    );
  });
});
