/** TCP connections that cases hold open, or read from, as an application of a pod does. */
import { expect } from "vitest";
import type { Mesh } from "../../tools/demo/mesh.ts";
import type { Caller } from "./support.ts";
import { callers } from "./support.ts";

/** A host, and one of its ports. */
export type Target = readonly [host: string, port: number];

/** What a caller of a TCP port reads: a line, or what there is after so many seconds, or when the connection is closed. */
export async function read(mesh: Mesh, caller: Caller, target: Target, says = "", seconds = 20): Promise<string> {
  const script = `
    let text = "";
    const end = () => { process.stdout.write(text); process.exit(); };
    const socket = ${connectTo(target)};
    socket.on("connect", () => socket.write(${JSON.stringify(says)}));
    socket.on("data", (data) => { text += data; if (text.endsWith("\\n")) end(); });
    socket.on("error", () => {}).on("close", end);
    setTimeout(end, ${seconds * 1000});`;
  const [namespace, deployment] = callers[caller];
  const pod = await mesh.podOf(namespace, deployment);
  const { status, stdout, stderr } = await mesh.cluster.exec(namespace, pod, "app", ["node", "-e", script]);
  expect(status, stderr).toBe(0);
  return stdout;
}

/** What has become of a connection. */
export interface Verdict {
  /** Whether it still answers. */
  readonly end: "open" | "closed";
  /** Milliseconds since the epoch. */
  readonly closedAt?: number;
}

/** A connection that is held open; resolves once the server has answered on it. `finish` tells what has become of it. */
export async function hold(mesh: Mesh, caller: Caller, target: Target): Promise<{ finish(): Promise<Verdict> }> {
  const script = `
    const socket = ${connectTo(target)};
    socket.on("connect", () => socket.write("first\\n"));
    let answered = false;
    socket.once("data", () => { answered = true; console.error("open"); });
    let closedAt;
    socket.on("error", () => {}).on("close", () => {
      if (!answered) { console.error("the server closed the connection and had not answered"); process.exit(1); }
      closedAt = Date.now();
    });
    const tell = (end) => { process.stdout.write(JSON.stringify({ end, closedAt })); process.exit(); };
    process.stdin.resume().on("end", () => {
      if (closedAt !== undefined) return tell("closed");
      socket.on("data", () => tell("open")).on("close", () => tell("closed"));
      socket.write("last\\n");
    });`;
  return converse(mesh, caller, script);
}

/**
 * Starts a script that says by a line on standard error that it is ready, goes on when its standard input ends, and then
 * prints JSON.
 */
export async function converse<T>(mesh: Mesh, caller: Caller, script: string): Promise<{ finish(): Promise<T> }> {
  const [namespace, deployment] = callers[caller];
  const pod = await mesh.podOf(namespace, deployment);
  const running = mesh.cluster.start(namespace, pod, "app", ["node", "-e", script]);
  await running.firstNote;
  return {
    finish: async () => {
      running.endInput();
      const { stdout, stderr } = await running.result;
      expect(stdout, stderr).not.toBe("");
      return JSON.parse(stdout) as T;
    },
  };
}

const connectTo = ([host, port]: Target): string => `require("node:net").connect(${port}, ${JSON.stringify(host)})`;
