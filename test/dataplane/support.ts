/** What data-plane cases share: one mesh per file, three callers, and the words to speak of verdicts. */
import { expect } from "vitest";
import type { CallReport } from "../../tools/demo/app.ts";
import type { CallOptions, Mesh } from "../../tools/demo/mesh.ts";

/** Where the callers are: Deployment by namespace. */
export const callers = {
  /** In the mesh, as ServiceAccount shop/frontend. */
  frontend: ["shop", "frontend"],
  /** In the mesh, as ServiceAccount shop/checkout. */
  checkout: ["shop", "checkout-v1"],
  /** Without a sidecar. */
  visitor: ["outside", "visitor"],
} as const;

/** One of {@link callers}. */
export type Caller = keyof typeof callers;

/** Calls `count` times (10 unless said otherwise) and tells what came back. */
export async function call(mesh: Mesh, caller: Caller, url: string, options: CallOptions = {}): Promise<CallReport> {
  const [namespace, deployment] = callers[caller];
  return mesh.call(namespace, deployment, url, { count: 10, ...options });
}

/** Every one of the calls is answered with this status. */
export async function expectStatus(
  mesh: Mesh,
  caller: Caller,
  url: string,
  status: number,
  options: CallOptions = {},
): Promise<CallReport> {
  const report = await call(mesh, caller, url, options);
  expect({ caller, url, statuses: report.statuses, errors: report.errors }).toEqual({
    caller,
    url,
    statuses: { [status]: report.requests },
    errors: {},
  });
  return report;
}

/** None of the calls is answered at all. */
export async function expectRefused(
  mesh: Mesh,
  caller: Caller,
  url: string,
  options: CallOptions = {},
): Promise<CallReport> {
  const report = await call(mesh, caller, url, { fresh: true, ...options });
  expect({ caller, url, statuses: report.statuses, failures: report.failures }).toEqual({
    caller,
    url,
    statuses: {},
    failures: report.requests,
  });
  return report;
}
