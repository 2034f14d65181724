/** Lets the host of an outer namespace reach an API server inside. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { forward } from "./forward.ts";

/**
 * Forwards from the socket of `outer-namespace.sh --forward PORT=SOCKET` to the API server of a kubeconfig, which must be
 * at 127.0.0.1.
 * @returns path of a kubeconfig in `directory` that works outside
 */
export async function expose(kubeconfig: string, directory: string): Promise<string> {
  const [port, socket] = (process.env["HEDDLE_FORWARD"] ?? "").split("=");
  if (port === undefined || socket === undefined) {
    throw new Error("the host cannot reach this cluster: start it with `outer-namespace.sh --forward PORT=SOCKET`");
  }
  const text = readFileSync(kubeconfig, "utf8");
  const inside = /server: "?https:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1];
  if (inside === undefined) throw new Error(`${kubeconfig} names no API server at 127.0.0.1`);
  const server = await forward(`unix:${socket}`, `tcp:127.0.0.1:${inside}`);
  server.unref();
  const path = join(directory, "kubeconfig");
  writeFileSync(path, text.replace(`https://127.0.0.1:${inside}`, `https://127.0.0.1:${port}`), { mode: 0o600 });
  return path;
}
