/**
 * Passes connections on from one address to another, such as from a TCP port of the host to a Unix socket: Unix sockets
 * are reached across network namespaces.
 *
 *   node tools/forward.ts tcp:127.0.0.1:8443 unix:/tmp/x/api.sock
 */
import { rmSync } from "node:fs";
import { connect, createServer, type NetConnectOpts, type Server } from "node:net";

/** Listens on one address and connects to the other for each connection; resolves once it listens. */
export async function forward(from: string, to: string): Promise<Server> {
  const target = addressOf(to);
  const server = createServer({ allowHalfOpen: true }, (incoming) => {
    const outgoing = connect({ ...target, allowHalfOpen: true });
    incoming.pipe(outgoing).pipe(incoming);
    incoming.on("error", () => outgoing.destroy());
    outgoing.on("error", () => incoming.destroy());
    incoming.on("close", () => outgoing.destroy());
    outgoing.on("close", () => incoming.destroy());
  });
  const address = addressOf(from);
  if ("path" in address) rmSync(address.path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address, resolve);
  });
  return server;
}

function addressOf(text: string): NetConnectOpts {
  const [kind, ...rest] = text.split(":");
  if (kind === "unix" && rest.length > 0) return { path: rest.join(":") };
  const port = Number(rest.pop());
  if (kind === "tcp" && rest.length > 0 && Number.isInteger(port)) return { host: rest.join(":"), port };
  throw new Error(`${text} is no address: write tcp:<host>:<port> or unix:<path>`);
}

if (import.meta.main) {
  const [from, to] = process.argv.slice(2);
  if (from === undefined || to === undefined) throw new Error("usage: forward.ts <from> <to>");
  await forward(from, to);
}
