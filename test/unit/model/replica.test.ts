import { expect, test } from "vitest";
import type { Pod } from "../../../src/api/kubernetes.ts";
import { replicasOf } from "../../../src/model/replica.ts";

const settings = { rootNamespace: "heddle-system", operatorServiceAccount: "heddle" };

interface Parts {
  readonly namespace?: string;
  readonly account?: string;
  readonly phase?: string;
  readonly ip?: string;
  readonly deletionTimestamp?: string;
}

function pod(name: string, parts: Parts = {}): readonly [string, Pod] {
  const { namespace = "heddle-system", account = "heddle", phase = "Running", ip, deletionTimestamp } = parts;
  const metadata = { name, namespace, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) };
  const spec = { serviceAccountName: account, containers: [] };
  const status = { phase, ...(ip === undefined ? {} : { podIPs: [{ ip }, { ip: "fd00::9" }] }) };
  return [`${namespace}/${name}`, { apiVersion: "v1", kind: "Pod", metadata, spec, status }];
}

test("the other replicas are the running pods of the operator's ServiceAccount, those that end included", () => {
  const pods = new Map([
    pod("heddle-a", { ip: "10.0.0.1" }),
    pod("heddle-b", { ip: "10.0.0.2" }),
    pod("heddle-c", { ip: "10.0.0.3", deletionTimestamp: "2026-01-01T00:00:00Z" }),
    pod("pending", { phase: "Pending", ip: "10.0.0.4" }),
    pod("failed", { phase: "Failed", ip: "10.0.0.5" }),
    pod("no-address"),
    pod("other", { account: "default", ip: "10.0.0.6" }),
    pod("heddle-d", { namespace: "shop", ip: "10.0.0.7" }),
  ]);
  expect(replicasOf(pods, settings, "heddle-a")).toEqual([
    { name: "heddle-b", address: "10.0.0.2" },
    { name: "heddle-c", address: "10.0.0.3" },
  ]);
});
