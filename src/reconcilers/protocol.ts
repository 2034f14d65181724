import type { ServicePort } from "../api/kubernetes.ts";
import type { Protocol } from "../model/mesh.ts";

/** Words of `appProtocol` (KEP-3726, IANA service names), in lower case. Every other word means TCP. */
const protocolOfWord: ReadonlyMap<string, Protocol> = new Map([
  ["http", "http"],
  ["kubernetes.io/ws", "http"],
  ["grpc-web", "http"],
  ["http2", "http2"],
  ["h2c", "http2"],
  ["kubernetes.io/h2c", "http2"],
  ["grpc", "grpc"],
]);

/** Words of `appProtocol` for ports whose server speaks first: Heddle's own, and IANA's names of such protocols. */
const serverFirstWords: ReadonlySet<string> = new Set([
  "heddle.dev/server-first",
  "ftp",
  "imap",
  "mysql",
  "nntp",
  "pop3",
  "smtp",
  "ssh",
  "submission",
]);

/** Whether a Service says that the server of this port speaks first. */
export const isServerFirst = ({ appProtocol }: Pick<ServicePort, "appProtocol">): boolean =>
  appProtocol !== undefined && serverFirstWords.has(appProtocol.toLowerCase());

/**
 * What a port of a Service speaks: by `appProtocol`, else by its name or the part of it before a dash (`http-metrics`),
 * else TCP. An application's own TLS (`https`, `tls`, `kubernetes.io/wss`) is TCP to a proxy that cannot read it.
 */
export function protocolOf(port: Pick<ServicePort, "appProtocol" | "name">): Protocol {
  if (port.appProtocol !== undefined) return protocolOfWord.get(port.appProtocol.toLowerCase()) ?? "tcp";
  const name = port.name ?? "";
  if (name === "grpc-web" || name.startsWith("grpc-web-")) return "http";
  return protocolOfWord.get(name.split("-", 1)[0] ?? "") ?? "tcp";
}
