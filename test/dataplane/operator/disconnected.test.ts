/**
 * One Ready pod is cut off from the operator. It takes half a minute until that is said; meanwhile there are cases of pods
 * that have nothing to do with it.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kinds } from "../../../src/api/kinds.ts";
import { conditionOf, type StatusView } from "../../../tools/demo/mesh.ts";
import { iptablesFor } from "../addresses.ts";
import { useMesh } from "../mesh.ts";
import { converse, hold, read } from "../sockets.ts";
import type { Caller } from "../support.ts";
import { expectStatus } from "../support.ts";

const mesh = useMesh();

const policy = (name: string, spec: string): string =>
  `apiVersion: heddle.dev/v1alpha1\nkind: AuthorizationPolicy\nmetadata: {name: ${name}, namespace: apart}\nspec: {selector: {matchLabels: {app: ${name}}}, ${spec}}\n`;
const programmedOf = (object: StatusView) => {
  const condition = conditionOf(object, "Programmed");
  return condition?.observedGeneration === object.metadata.generation ? condition : undefined;
};

/** What its connection is told is refused, and it gets no other: as behind a firewall that has forgotten it. */
const cut = [
  ["INPUT", "-p", "tcp", "--sport", "15010", "-j", "REJECT", "--reject-with", "tcp-reset"],
  ["OUTPUT", "-p", "tcp", "--dport", "15010", "--syn", "-j", "DROP"],
];
async function filter(action: "--insert" | "--delete"): Promise<void> {
  const { podIP } = (await mesh().get<{ status: { podIP: string } }>("pod", "apart", "island")).status;
  for (const rule of cut) {
    const command = [iptablesFor(podIP), action, ...rule];
    const { status, stderr } = await mesh().cluster.exec("apart", "island", undefined, command);
    expect(status, stderr).toBe(0);
  }
}

const onIsland = (method: string) =>
  policy("island", `action: DENY, rules: [{to: [{operation: {methods: [${method}]}}]}]`);
const callIsland = (status: number) => expectStatus(mesh(), "frontend", "http://island.apart/", status, { count: 2 });
const island = () => mesh().get<StatusView>("authorizationpolicies.heddle.dev", "apart", "island");

beforeAll(async () => {
  await mesh().apply("test/dataplane/apart-fixture.yaml");
  await mesh().kubectl("wait", "pod", "-n", "apart", "--all", "--for=condition=Ready", "--timeout=90s");
  await mesh().settle();
  await mesh().applyAndWait(onIsland("PUT"));
  await filter("--insert");
  await mesh().apply(onIsland("GET"));
}, 180_000);

afterAll(() => mesh().removeNamespace("apart"));

describe("the next request on a connection is judged by the new policy, and the connection goes on", () => {
  /** What the requests on one connection were answered: one before, two after; and how many connections that took. */
  interface Judged {
    readonly statuses: readonly number[];
    readonly connections: number;
  }
  const script = (ask: string): string => `
    ${ask}
    (async () => {
      const statuses = [await ask()];
      console.error("answered");
      await new Promise((resolve) => process.stdin.resume().on("end", resolve));
      statuses.push(await ask(), await ask());
      process.stdout.write(JSON.stringify({ statuses, connections: connections.size }));
      process.exit();
    })();`;
  const overHTTP1 = script(`
    const { Agent, get } = require("node:http");
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const connections = new Set();
    const ask = () => new Promise((resolve, reject) => {
      get("http://web.apart/", { agent }, (answer) => {
        answer.resume().on("end", () => setImmediate(resolve, answer.statusCode));
      }).on("socket", (socket) => connections.add(socket)).on("error", reject);
    });`);
  const overHTTP2 = script(`
    const session = require("node:http2").connect("http://web.apart:8081");
    const connections = new Set([session]);
    session.on("goaway", () => connections.clear());
    const ask = () => new Promise((resolve, reject) => {
      let status;
      const stream = session.request({ ":path": "/" });
      stream.on("response", (headers) => { status = headers[":status"]; }).resume();
      stream.on("end", () => resolve(status)).on("error", reject);
    });`);
  const cases: readonly (readonly [Caller, string])[] = [
    ["frontend", overHTTP1],
    ["frontend", overHTTP2],
    ["visitor", overHTTP1],
    ["visitor", overHTTP2],
  ];

  test("over HTTP/1.1 and HTTP/2, from the mesh and in plaintext", async () => {
    const open = await Promise.all(cases.map(([caller, text]) => converse<Judged>(mesh(), caller, text)));
    await mesh().applyAndWait(policy("web", "action: DENY, rules: [{to: [{operation: {paths: [/]}}]}]"));
    const judged = await Promise.all(open.map((each) => each.finish()));
    expect(judged).toEqual(cases.map(() => ({ statuses: [200, 403, 403], connections: 1 })));
  });
});

describe("a pod's own annotations", () => {
  const connections = (): number => mesh().cluster.logs("apart", "ledger", "sql").split("connected\n").length - 1;
  const sql = ["ledger.apart", 3306] as const;
  const lines = ["ledger.apart", 9100] as const;

  test("its drain time is that for which connections go on, and Programmed waits; its server-first port speaks first", async () => {
    expect(await read(mesh(), "checkout", sql)).toBe("ledger: welcome\n");
    const held = await hold(mesh(), "checkout", lines);
    const appliedAt = Date.now();
    await mesh().applyAndWait(policy("ledger", "rules: [{from: [{source: {serviceAccounts: [shop/frontend]}}]}]"), 60);
    // The mesh's own is 2 s here.
    expect(Date.now() - appliedAt).toBeGreaterThan(6000);
    const { end, closedAt = 0 } = await held.finish();
    expect(end).toBe("closed");
    expect(closedAt - appliedAt).toBeGreaterThan(5900);

    const before = connections();
    const denied = (["checkout", "visitor"] as const).map((caller) => read(mesh(), caller, sql, "", 2));
    expect(await Promise.all(denied)).toEqual(["", ""]);
    expect(connections()).toBe(before);
    expect(await read(mesh(), "frontend", sql)).toBe("ledger: welcome\n");
    expect(connections()).toBe(before + 1);
  });
});

describe("a Ready pod that the operator has had no stream to", () => {
  test("keeps what it had, and makes Programmed Unknown after 30 s, and nothing else", async () => {
    const reasons = new Set<string>();
    const last = await mesh().cluster.waitFor(
      "ProxiesDisconnected",
      async () => {
        const object = await island();
        const { status = "", reason = "" } = programmedOf(object) ?? {};
        reasons.add(`${status} ${reason}`);
        return reason === "ProxiesDisconnected" && object;
      },
      120_000,
    );
    expect([...reasons].filter((reason) => !["False Pending", "Unknown ProxiesDisconnected"].includes(reason))).toEqual(
      [],
    );
    expect(programmedOf(last)?.status).toBe("Unknown");
    expect(conditionOf(last, "Ready")).toMatchObject({
      status: "Unknown",
      reason: "ProxiesDisconnected",
    });
    expect(last.status?.proxies).toEqual({ total: 1, synced: 0, rejected: 0, disconnected: 1, summary: "0/1" });
    await callIsland(200);
    const { status } = await mesh().waitProgrammed(kinds.AuthorizationPolicy, "apart", "ledger");
    expect(status?.proxies?.summary).toBe("1/1");
  });

  test("is in force again, and Programmed True, when it is back", async () => {
    await filter("--delete");
    await mesh().waitProgrammed(kinds.AuthorizationPolicy, "apart", "island", 90);
    await callIsland(403);
  });
});
