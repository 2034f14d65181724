import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cluster, startCluster } from "../../tools/cluster.ts";

interface PodView {
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly conditions: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly ready: boolean;
      readonly started?: boolean;
      readonly restartCount: number;
      readonly state: { readonly waiting?: { readonly reason: string; readonly message?: string } };
    }[];
  };
}

const server = (answer: string, port: number): string =>
  JSON.stringify([
    "node",
    "-e",
    `require("node:http").createServer((_, response) => response.end(${answer})).listen(${port});
     process.on("SIGTERM", () => { console.log("asked to end at " + Date.now()); process.exit(0); })`,
  ]);
const idle = JSON.stringify(["sh", "-c", 'trap "exit 0" TERM; while :; do sleep 0.05; done']);

let directory: string;
let cluster: Cluster;

beforeAll(async () => {
  if (process.env["HEDDLE_OUTER_NAMESPACE"] !== "1") {
    throw new Error("these tests change the network: run `make test`, or vitest inside tools/outer-namespace.sh");
  }
  directory = mkdtempSync(join(tmpdir(), "heddle-test-node-"));
  const images = new Map([["tools:dev", { mounts: [{ source: process.execPath, target: "/usr/local/bin/node" }] }]]);
  cluster = await startCluster({ directory, images });
});

afterAll(async () => {
  await cluster?.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function pod(namespace: string, name: string): Promise<PodView | undefined> {
  const { stdout } = await cluster.kubectl(["get", "pod", "-n", namespace, name, "-o", "json", "--ignore-not-found"]);
  return stdout === "" ? undefined : (JSON.parse(stdout) as PodView);
}

const condition = (view: PodView | undefined, type: string): string | undefined =>
  view?.status.conditions.find((each) => each.type === type)?.status;

async function ready(namespace: string, ...names: string[]): Promise<void> {
  for (const name of names) {
    await cluster.waitFor(
      `${namespace}/${name} is Ready`,
      async () => condition(await pod(namespace, name), "Ready") === "True",
    );
  }
}

async function gone(namespace: string, name: string): Promise<void> {
  await cluster.waitFor(`${namespace}/${name} is gone`, async () => (await pod(namespace, name)) === undefined);
}

/** Applies objects into a namespace of the test's own, once its ServiceAccount is there. */
async function apply(namespace: string, yaml: string): Promise<void> {
  await cluster.kubectl(["create", "namespace", namespace]);
  await cluster.waitFor("the default ServiceAccount", async () => {
    return (await cluster.kubectl(["get", "serviceaccount", "-n", namespace, "default"])).status === 0;
  });
  const { status, stderr } = await cluster.kubectl(["apply", "-n", namespace, "-f", "-"], yaml);
  if (status !== 0) throw new Error(stderr);
}

/** The body of an answer, or the code of the error, such as `ECONNREFUSED`. */
async function call(namespace: string, from: string, url: string): Promise<string> {
  const script = `fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(2000) })
    .then((response) => response.text())
    .catch((error) => error.cause?.code ?? error.name)
    .then((text) => process.stdout.write(text))`;
  return (await cluster.exec(namespace, from, "app", ["node", "-e", script])).stdout;
}

describe("a pod with an init container, a sidecar and volumes behind a Service", () => {
  beforeAll(async () => {
    await apply(
      "web",
      `
apiVersion: v1
kind: ConfigMap
metadata: {name: greeting}
data: {text: one, other: kept}
---
apiVersion: v1
kind: Secret
metadata: {name: secret}
stringData: {password: hidden}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}, {name: side, port: 81, targetPort: 9000}]
---
apiVersion: v1
kind: Service
metadata: {name: empty}
spec: {selector: {app: none}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 5
  initContainers:
  - name: first
    image: tools:dev
    command: [sh, -c, "echo '$(GREETING) $(UNKNOWN) $(POD_IP)' > /shared/first"]
    env:
    - {name: GREETING, value: hello}
    - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    volumeMounts: [{name: shared, mountPath: /shared}]
  - name: side
    image: tools:dev
    restartPolicy: Always
    command: ${server('"uid " + process.getuid() + " " + require("node:fs").readFileSync("/shared/first")', 9000)}
    securityContext: {runAsUser: 1337, runAsGroup: 1338, capabilities: {drop: [ALL], add: [NET_ADMIN]}}
    startupProbe: {httpGet: {port: 9000}, periodSeconds: 1, failureThreshold: 10}
    volumeMounts: [{name: shared, mountPath: /shared}]
  containers:
  - name: app
    image: tools:dev
    command: ${server('require("node:fs").readFileSync("/configuration/text")', 8080)}
    ports: [{name: http, containerPort: 8080}]
    startupProbe: {tcpSocket: {port: http}, periodSeconds: 1, failureThreshold: 10}
    readinessProbe: {httpGet: {port: http}, periodSeconds: 1}
    lifecycle: {preStop: {sleep: {seconds: 1}}}
    volumeMounts:
    - {name: configuration, mountPath: /configuration, readOnly: true}
    - {name: everything, mountPath: /everything}
  volumes:
  - {name: shared, emptyDir: {}}
  - {name: configuration, configMap: {name: greeting}}
  - name: everything
    projected:
      sources:
      - {secret: {name: secret}}
      - {serviceAccountToken: {path: token, audience: heddle}}
      - {downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: app, image: "tools:dev", command: ${idle}}]
---
apiVersion: v1
kind: Pod
metadata: {name: stubborn}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: app, image: "tools:dev", command: [sh, -c, "trap '' TERM; while :; do sleep 0.05; done"]}]
`,
    );
    await ready("web", "web", "client", "stubborn");
  });

  test("is reached through the Service by each of its names", async () => {
    for (const host of ["web", "web.web", "web.web.svc", "web.web.svc.cluster.local"]) {
      expect(await call("web", "client", `http://${host}`)).toBe("one");
    }
  });

  test("reaches itself through its own Service", async () => {
    // By its short name it would find itself, as the name of its own host.
    expect(await call("web", "web", "http://web.web")).toBe("one");
  });

  test("has run its init container first, with variables expanded", async () => {
    const address = (await pod("web", "web"))?.status.podIP;
    expect(await call("web", "client", "http://web:81")).toBe(`uid 1337 hello $(UNKNOWN) ${address}\n`);
  });

  test("keeps from a user only the capabilities that its container asked for", async () => {
    const { stdout } = await cluster.exec("web", "web", "side", [
      "sh",
      "-c",
      "id -u; id -g; grep CapBnd /proc/self/status",
    ]);
    // Bit 12 is CAP_NET_ADMIN.
    expect(stdout.split(/\s+/).slice(0, 4)).toEqual(["1337", "1338", "CapBnd:", "0000000000001000"]);
  });

  test("refuses what has no endpoint", async () => {
    expect(await call("web", "client", "http://empty")).toBe("ECONNREFUSED");
    expect(await call("web", "client", "http://web:82")).toBe("ECONNREFUSED");
  });

  test("sees projected files", async () => {
    const { stdout } = await cluster.exec("web", "web", "app", [
      "sh",
      "-c",
      "cd /everything; cat password labels; cut -d. -f2 token",
    ]);
    expect(stdout).toContain('hiddenapp="web"');
    const claims = JSON.parse(Buffer.from(stdout.slice(stdout.indexOf('"web"') + 5), "base64url").toString());
    expect(claims).toMatchObject({ aud: ["heddle"], "kubernetes.io": { pod: { name: "web" } } });
  });

  test("reaches the API server as its ServiceAccount", async () => {
    const script = `
      const { readFileSync } = require("node:fs");
      const folder = "/var/run/secrets/kubernetes.io/serviceaccount/";
      const headers = { authorization: "Bearer " + readFileSync(folder + "token", "utf8") };
      const options = { host: "kubernetes.default.svc", path: "/api/v1/nodes", headers, ca: readFileSync(folder + "ca.crt") };
      require("node:https").get(options, (response) => response.pipe(process.stdout));`;
    const { stdout } = await cluster.exec("web", "client", "app", ["node", "-e", script]);
    expect(stdout).toContain("system:serviceaccount:web:default");
  });

  test("sees a changed ConfigMap within a second, all keys at once", async () => {
    await cluster.kubectl([
      "patch",
      "configmap",
      "-n",
      "web",
      "greeting",
      "-p",
      '{"data":{"text":"two","other":null,"third":"new"}}',
    ]);
    const two = async (): Promise<boolean> => (await call("web", "client", "http://web")) === "two";
    await cluster.waitFor("the new text", two, 1000);
    const { stdout } = await cluster.exec("web", "web", "app", ["ls", "/configuration"]);
    expect(stdout.trim().split("\n")).toEqual(["text", "third"]);
  });

  test("ends its containers before its sidecars, and leaves nothing", async () => {
    const network = (await cluster.exec("web", "web", undefined, ["ip", "-o", "addr"])).stdout;
    expect(network).toContain("eth0");
    const started = performance.now();
    await cluster.kubectl(["delete", "pod", "-n", "web", "--all", "--wait=false"]);
    await gone("web", "web");
    await gone("web", "client");
    // Killed after its grace period: it does not hear SIGTERM.
    await gone("web", "stubborn");
    // The hook of one second, and far less than the grace period.
    expect(performance.now() - started).toBeGreaterThan(900);
    expect(performance.now() - started).toBeLessThan(4500);
    const end = (container: string): number =>
      Number(/asked to end at (\d+)/.exec(cluster.logs("web", "web", container))?.[1]);
    expect(end("side")).toBeGreaterThanOrEqual(end("app"));
    expect(readdirSync("/run/netns")).toEqual([]);
    expect(readdirSync("/sys/class/net").filter((name) => /^p\d/.test(name))).toEqual([]);
    expect(
      readdirSync("/run")
        .filter((name) => name.startsWith("local-node-"))
        .flatMap((name) => readdirSync(join("/run", name))),
    ).toEqual([]);
  });
});

test("a Job completes although its pod has a sidecar, after its container failed once", async () => {
  await apply(
    "job",
    `
apiVersion: batch/v1
kind: Job
metadata: {name: job}
spec:
  template:
    spec:
      restartPolicy: OnFailure
      terminationGracePeriodSeconds: 2
      initContainers: [{name: side, image: "tools:dev", restartPolicy: Always, command: ${idle}}]
      containers:
      - name: app
        image: tools:dev
        command: [sh, -c, "[ -e /shared/again ] && echo done || { touch /shared/again; exit 3; }"]
        volumeMounts: [{name: shared, mountPath: /shared}]
      volumes: [{name: shared, emptyDir: {}}]
`,
  );
  const { status, stderr } = await cluster.kubectl([
    "wait",
    "job/job",
    "-n",
    "job",
    "--for=condition=Complete",
    "--timeout=20s",
  ]);
  expect(stderr).toBe("");
  expect(status).toBe(0);
  const { stdout } = await cluster.kubectl(["get", "pod", "-n", "job", "-o", "jsonpath={.items[*].status.phase}"]);
  expect(stdout).toBe("Succeeded");
  await cluster.kubectl(["delete", "job", "-n", "job", "job"]);
});

test("readiness decides what a Service leads to", async () => {
  await apply(
    "probes",
    `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: app
    image: tools:dev
    command: ${server('(response.statusCode = require("node:fs").existsSync("/tmp/ready") ? 200 : 503, "here")', 8080)}
    readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1, failureThreshold: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: app, image: "tools:dev", command: ${idle}}]
`,
  );
  await ready("probes", "client");
  // It runs, and is not ready.
  await cluster.waitFor("probes/web has started", async () => {
    return (await pod("probes", "web"))?.status.containerStatuses?.[0]?.started === true;
  });
  const answers = (text: string) => async (): Promise<boolean> =>
    (await call("probes", "client", "http://web")) === text;
  await cluster.waitFor("no endpoint", answers("ECONNREFUSED"));
  await cluster.exec("probes", "web", "app", ["touch", "/tmp/ready"]);
  await cluster.waitFor("an endpoint", answers("here"));
  await cluster.exec("probes", "web", "app", ["rm", "/tmp/ready"]);
  await cluster.waitFor("no endpoint again", answers("ECONNREFUSED"));
});

test("a pod waits for a ConfigMap that does not exist yet, and says so", async () => {
  await apply(
    "waits",
    `
apiVersion: v1
kind: Pod
metadata: {name: waits}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: app, image: "tools:dev", command: ${idle}, volumeMounts: [{name: late, mountPath: /late}]}]
  volumes: [{name: late, configMap: {name: late}}]
`,
  );
  await cluster.waitFor("the reason", async () => {
    return (
      (await pod("waits", "waits"))?.status.containerStatuses?.[0]?.state.waiting?.message ===
      "ConfigMap waits/late does not exist"
    );
  });
  await cluster.kubectl(["create", "configmap", "-n", "waits", "late", "--from-literal=a=b"]);
  await ready("waits", "waits");
});

test("a pod whose image is unknown says which there are", async () => {
  await apply(
    "unknown",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: unknown}\nspec: {containers: [{name: app, image: nginx}]}\n",
  );
  await cluster.waitFor("the reason", async () => {
    const waiting = (await pod("unknown", "unknown"))?.status.containerStatuses?.[0]?.state.waiting;
    return waiting?.message === "there is no image nginx; there are tools:dev";
  });
  await cluster.kubectl(["delete", "pod", "-n", "unknown", "unknown", "--wait=false"]);
  await gone("unknown", "unknown");
});
