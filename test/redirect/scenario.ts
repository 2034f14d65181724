/**
 * Runs inside network, mount and process namespaces of its own, which the test makes: a pod and a client, joined by one
 * link with both address families; the redirect's script in the pod; peers that stand in for the proxy, the application
 * and a remote server. Prints who answered each connection, as JSON.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { inboundSource, ports, proxyUser } from "../../src/model/sidecar.ts";
import type { Dial, PeerTask } from "./peer.ts";

/** Answers by the name of the connection. */
export type Answers = Readonly<Record<string, string>>;

/** Addresses of the two namespaces, by family. */
export const addresses = {
  ipv4: {
    pod: "192.0.2.2",
    client: "192.0.2.1",
    excluded: "192.0.2.3",
    loopback: "127.0.0.1",
    source: inboundSource.ipv4,
  },
  ipv6: {
    pod: "2001:db8::2",
    client: "2001:db8::1",
    excluded: "2001:db8::3",
    loopback: "::1",
    source: inboundSource.ipv6,
  },
} as const;

const applicationUser = 1000;
const peer = join(import.meta.dirname, "peer.ts");
const script = join(import.meta.dirname, "../../images/proxy/heddle-redirect");

const ip = (...args: string[]): void => {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "inherit"] });
};
const inside = (namespace: string, ...command: string[]): readonly [string, readonly string[]] => [
  "ip",
  ["netns", "exec", namespace, ...command],
];

function makeNetwork(): void {
  // Named namespaces are files in /run/netns; here they live in a mount that nobody else sees.
  execFileSync("mount", ["-t", "tmpfs", "tmpfs", "/run"]);
  for (const name of ["pod", "client"]) {
    ip("netns", "add", name);
    ip("-n", name, "link", "set", "lo", "up");
  }
  ip("link", "add", "pod0", "netns", "pod", "type", "veth", "peer", "name", "client0", "netns", "client");
  for (const name of ["pod", "client"] as const) {
    ip("-n", name, "addr", "add", `${addresses.ipv4[name]}/24`, "dev", `${name}0`);
    ip("-n", name, "addr", "add", `${addresses.ipv6[name]}/64`, "dev", `${name}0`, "nodad");
    ip("-n", name, "link", "set", `${name}0`, "up");
  }
  // Where the redirect is told not to look.
  ip("-n", "client", "addr", "add", `${addresses.ipv4.excluded}/24`, "dev", "client0");
  ip("-n", "client", "addr", "add", `${addresses.ipv6.excluded}/64`, "dev", "client0", "nodad", "preferred_lft", "0");
}

async function serve(namespace: string, task: PeerTask): Promise<() => void> {
  const [command, args] = inside(namespace, process.execPath, peer, JSON.stringify(task));
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  if (line !== "ready") throw new Error(`peer in ${namespace} said ${line}`);
  return () => child.kill();
}

function dialAll(namespace: string, uid: number, dials: Readonly<Record<string, Dial>>): Answers {
  const [command, args] = inside(
    namespace,
    process.execPath,
    peer,
    JSON.stringify({ uid, dial: Object.values(dials) }),
  );
  const greetings = JSON.parse(execFileSync(command, args, { encoding: "utf8" })) as string[];
  return Object.fromEntries(Object.keys(dials).map((name, index) => [name, greetings[index] ?? ""]));
}

async function run(): Promise<Answers> {
  makeNetwork();
  const stops = [
    await serve("pod", {
      uid: proxyUser,
      listen: [
        { port: ports.outbound, greeting: "outbound" },
        { port: ports.inbound, greeting: "inbound" },
        { port: ports.status, greeting: "status" },
      ],
    }),
    await serve("pod", {
      uid: applicationUser,
      listen: [
        { port: 8080, greeting: "application" },
        { port: 9100, greeting: "application" },
      ],
    }),
    await serve("client", {
      uid: applicationUser,
      listen: [
        { port: 9000, greeting: "remote" },
        { port: 3306, greeting: "remote" },
      ],
    }),
  ];
  const [command, args] = inside(
    "pod",
    script,
    "--inbound-port",
    String(ports.inbound),
    "--outbound-port",
    String(ports.outbound),
    "--proxy-uid",
    String(proxyUser),
    "--exclude-inbound-ports",
    `${ports.status},9100`,
    "--exclude-outbound-ports",
    "3306",
    "--exclude-inbound-cidrs",
    `${addresses.ipv4.excluded}/32,${addresses.ipv6.excluded}/128`,
    "--exclude-outbound-cidrs",
    `${addresses.ipv6.excluded}/128,${addresses.ipv4.excluded}/32`,
  );
  execFileSync(command, args, { stdio: ["ignore", "inherit", "inherit"] });

  const answers: Record<string, string> = {};
  const record = (prefix: string, part: Answers): void => {
    for (const [name, answer] of Object.entries(part)) answers[`${prefix} ${name}`] = answer;
  };
  for (const [family, { pod, client, excluded, loopback, source }] of Object.entries(addresses)) {
    record(
      `${family} client`,
      dialAll("client", applicationUser, {
        "to the application": { host: pod, port: 8080 },
        "to the status port": { host: pod, port: ports.status },
        "to an excluded port": { host: pod, port: 9100 },
        "at an excluded address to the application": { host: pod, port: 8080, localAddress: excluded },
      }),
    );
    const fromPod = {
      "to a remote server": { host: client, port: 9000 },
      "to an excluded port": { host: client, port: 3306 },
      "to an excluded address": { host: excluded, port: 9000 },
      "to the pod's address": { host: pod, port: 8080 },
      "to loopback": { host: loopback, port: 8080 },
    };
    record(`${family} application`, dialAll("pod", applicationUser, fromPod));
    record(`${family} root`, dialAll("pod", 0, fromPod));
    record(
      `${family} proxy`,
      dialAll("pod", proxyUser, {
        ...fromPod,
        "to the pod's address from the inbound source": { host: pod, port: 8080, localAddress: source },
      }),
    );
  }
  for (const stop of stops) stop();
  return answers;
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(await run())}\n`);
