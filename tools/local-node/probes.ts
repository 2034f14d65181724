/** Probes and lifecycle handlers, run from the node as the kubelet does. */
import * as http from "node:http";
import * as https from "node:https";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { V1Container, V1LifecycleHandler, V1Probe } from "@kubernetes/client-node";
import type { Running } from "../processes.ts";

/** The container that a handler is about. */
export interface HandlerTarget {
  /** Address of its pod. */
  readonly address: string;
  readonly ports: V1Container["ports"];
  start(command: readonly string[], timeout: number): Running;
}

/** Runs a handler once; fails with the reason. */
export async function runHandler(handler: V1LifecycleHandler, target: HandlerTarget, timeout: number): Promise<void> {
  const { httpGet, tcpSocket, exec, sleep } = handler;
  if (exec !== undefined) {
    const running = target.start(exec.command ?? [], timeout);
    running.endInput();
    const { status, stderr } = await running.result;
    if (status !== 0) throw new Error(`exit code ${status}: ${stderr.slice(-500)}`);
  } else if (httpGet !== undefined) {
    const path = httpGet.path ?? "/";
    const headers = Object.fromEntries((httpGet.httpHeaders ?? []).map(({ name, value }) => [name, value]));
    const address = { host: httpGet.host ?? target.address, port: portOf(httpGet.port, target) };
    const status = await get({ ...address, path, headers, timeout, agent: false }, httpGet.scheme === "HTTPS");
    if (status < 200 || status >= 400) throw new Error(`${path} answered ${status}`);
  } else if (tcpSocket !== undefined) {
    await dial(tcpSocket.host ?? target.address, portOf(tcpSocket.port, target), timeout);
  } else if (sleep !== undefined) {
    await delay(sleep.seconds * 1000);
  } else {
    throw new Error(`the local node knows no handler ${Object.keys(handler).join()}`);
  }
}

/** Runs a probe until the signal aborts, and tells each time that a threshold is reached. */
export async function runProbe(
  probe: V1Probe,
  target: HandlerTarget,
  signal: AbortSignal,
  onResult: (healthy: boolean, reason: string) => void,
): Promise<void> {
  let successes = 0;
  let failures = 0;
  await pause((probe.initialDelaySeconds ?? 0) * 1000, signal);
  while (!signal.aborted) {
    let reason = "";
    try {
      await runHandler(probe, target, (probe.timeoutSeconds ?? 1) * 1000);
      successes += 1;
      failures = 0;
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
      successes = 0;
      failures += 1;
    }
    if (signal.aborted) return;
    if (successes >= (probe.successThreshold ?? 1)) onResult(true, reason);
    if (failures >= (probe.failureThreshold ?? 3)) onResult(false, reason);
    await pause((probe.periodSeconds ?? 10) * 1000, signal);
  }
}

/** Resolves after so many milliseconds, or when the signal aborts. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal }).catch(() => {});
}

function portOf(port: number | string, target: HandlerTarget): number {
  const number = typeof port === "number" ? port : target.ports?.find((each) => each.name === port)?.containerPort;
  if (number === undefined) throw new Error(`the container has no port ${port}`);
  return number;
}

function get(options: http.RequestOptions & { readonly timeout: number }, tls: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    const answered = (response: http.IncomingMessage): void => {
      response.resume();
      resolve(response.statusCode ?? 0);
    };
    const request = tls ? https.get({ ...options, rejectUnauthorized: false }, answered) : http.get(options, answered);
    const timer = setTimeout(() => request.destroy(new Error("timeout")), options.timeout);
    request.once("error", reject).once("close", () => clearTimeout(timer));
  });
}

function dial(host: string, port: number, timeout: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout });
    socket
      .once("connect", resolve)
      .once("error", reject)
      .once("timeout", () => reject(new Error("timeout")));
    socket.once("connect", () => socket.destroy()).once("timeout", () => socket.destroy());
  });
}
