/** Probes over the network, run from the node as the kubelet does. */
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { V1Container, V1LifecycleHandler, V1Probe } from "@kubernetes/client-node";

/** Runs a probe until the signal aborts, and tells each time that a threshold is reached. No probe is healthy at once. */
export async function* probeResults(probe: V1Probe | undefined, host: string, spec: V1Container, signal: AbortSignal) {
  if (probe === undefined) yield true;
  for (let failures = 0; probe !== undefined && !signal.aborted; await pause(probe.periodSeconds ?? 10, signal)) {
    const healthy = await attempt(probe, host, spec).catch(() => false);
    failures = healthy ? 0 : failures + 1;
    if (signal.aborted) return;
    if (healthy || failures >= (probe.failureThreshold ?? 3)) yield healthy;
  }
}

/** Resolves after so many seconds, or when the signal aborts. */
export async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  await delay(seconds * 1000, undefined, { signal }).catch(() => {});
}

/** Runs a hook that asks over the network or sleeps. */
export async function runHook({ httpGet, sleep }: V1LifecycleHandler, host: string, spec: V1Container): Promise<void> {
  if (httpGet !== undefined) await attempt({ httpGet, timeoutSeconds: 30 }, host, spec).catch(() => false);
  await delay((sleep?.seconds ?? 0) * 1000, undefined, { ref: false });
}

async function attempt(probe: V1Probe, host: string, { ports = [] }: V1Container): Promise<boolean> {
  const { httpGet, tcpSocket, timeoutSeconds = 1 } = probe;
  const wanted = httpGet?.port ?? tcpSocket?.port;
  const port = typeof wanted === "number" ? wanted : ports.find(({ name }) => name === wanted)?.containerPort;
  if (port === undefined) return false;
  const signal = AbortSignal.timeout(timeoutSeconds * 1000);
  if (httpGet === undefined) {
    const socket = connect({ host, port, signal });
    return once(socket, "connect").then(() => socket.destroy().destroyed);
  }
  const headers = Object.fromEntries((httpGet.httpHeaders ?? []).map(({ name, value }) => [name, value]));
  const request = get({ host, port, path: httpGet.path ?? "/", headers, agent: false, signal });
  const [{ statusCode = 0 }] = (await once(request, "response")) as [IncomingMessage];
  request.on("error", () => {}).destroy();
  return statusCode >= 200 && statusCode < 400;
}
