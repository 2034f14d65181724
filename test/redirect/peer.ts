/**
 * A small TCP peer for the redirect's tests, run in a network namespace: `serve` listens and greets, `dial` connects and
 * prints what greeted it. It takes its user after the start, so that the interpreter need not be readable by that user.
 */
import { connect, createServer } from "node:net";

/** A listener: every connection is sent `<greeting> <address of the caller>`. */
export interface Listener {
  readonly port: number;
  readonly greeting: string;
}

/** A connection to make. */
export interface Dial {
  readonly host: string;
  readonly port: number;
  readonly localAddress?: string;
}

/** Work for one process. */
export interface PeerTask {
  readonly uid: number;
  readonly listen?: readonly Listener[];
  readonly dial?: readonly Dial[];
}

function become(uid: number): void {
  if (uid === 0) return;
  process.setgroups?.([]);
  process.setgid?.(uid);
  process.setuid?.(uid);
}

const listen = ({ port, greeting }: Listener, host: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.end(`${greeting} ${socket.remoteAddress}`);
    });
    server.once("error", reject);
    server.listen({ port, host, ipv6Only: true }, resolve);
  });

const dial = (target: Dial): Promise<string> =>
  new Promise((resolve) => {
    let greeting = "";
    const socket = connect({ ...target, timeout: 5000 });
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      greeting += text;
    });
    socket.on("timeout", () => socket.destroy(new Error("timeout")));
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(`error ${error.code ?? error.message}`));
    socket.on("close", () => resolve(greeting));
  });

const task = JSON.parse(process.argv[2] ?? "{}") as PeerTask;
become(task.uid);
for (const listener of task.listen ?? []) {
  await listen(listener, "0.0.0.0");
  await listen(listener, "::");
}
if (task.listen !== undefined) process.stdout.write("ready\n");
if (task.dial !== undefined) process.stdout.write(`${JSON.stringify(await Promise.all(task.dial.map(dial)))}\n`);
