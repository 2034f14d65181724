/**
 * An operator behind an edge that ends it, as the kernel would for want of memory, at its n-th write: before the API server
 * has seen that, or once the API server has answered it and nobody has heard. As the kubelet does, it is started again.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { kinds } from "../../src/api/kinds.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/client.ts";
import { borrowApiServer } from "../support/api-server.ts";
import { installDefinitions, type Operator, operatorPorts, spawnOperator } from "../support/operator.ts";
import { type EdgeCall, open, startApiEdge } from "./api-edge.ts";
import { createShop, type Shop } from "./shop.ts";

/** When it is to end. */
export interface Crash {
  /** The n-th write from now on, counted from 1. */
  readonly at: number;
  readonly when: "before" | "after";
}

/** See above. */
export interface CrashWorld {
  readonly client: KubeClient;
  readonly shop: Shop;
  /** Starts the operator, and again whenever it is ended by a crash. */
  start(): void;
  /** Ends it by SIGTERM, and starts it no more; resolves when it has ended. */
  stop(): Promise<void>;
  /** Counts writes from 1 from now on, and ends the operator at one of them. */
  arm(crash: Crash | undefined): void;
  /** Writes since {@link CrashWorld.arm}, each in words; the one at which it ended is marked. */
  readonly writes: readonly string[];
  /** Whether it has ended since {@link CrashWorld.arm}. */
  readonly crashed: boolean;
  /** Whether the operator that was started last leads and knows the cluster, unless it is stopped. */
  readonly isBack: boolean;
  /** What operators have said. */
  output(): string;
  close(): Promise<void>;
}

/** The leader's renewals come with time, not with what is to do. To give the lease back is another matter. */
function isCounted({ isWrite, method, resource, body }: EdgeCall): boolean {
  if (!isWrite) return false;
  return resource !== "leases" || method !== "PUT" || body.includes('"holderIdentity":""');
}

/**
 * What users have written is listed last: an operator that begins to serve without it would take away what it has served
 * before its end.
 */
const isLate = ({ isWrite, isWatch, resource }: EdgeCall): boolean =>
  !isWrite && !isWatch && (resource === "authorizationpolicies" || resource === "trafficsplits");

const wordsOf = ({ method, resource, object }: EdgeCall): string => `${method} ${resource} ${object}`.trim();

/** Starts the API server with our definitions and the namespace of the operator. */
export async function startCrashWorld(): Promise<CrashWorld> {
  const server = await borrowApiServer();
  const client = createKubeClient({ kubeconfig: server.kubeconfig });
  await installDefinitions(client);
  await client.create(kinds.Namespace, { metadata: { name: "heddle-system" } });
  const folder = mkdtempSync(join(tmpdir(), "heddle-test-crash-"));
  const logFile = join(folder, "operator.log");
  const edge = await startApiEdge(server, folder);
  const ports = await operatorPorts();
  const shop = createShop(client, ports.xds);
  let operator: Operator | undefined;
  let wanted = false;
  let crash: Crash | undefined;
  let crashed = false;
  /** Whether the end of the operator is the edge's doing. */
  let isStruck = false;
  let writes: string[] = [];
  const numbers = new WeakMap<EdgeCall, number>();

  const spawn = (): void => {
    const flags = { replica: "crash", "xds-address": "heddle.heddle-system.svc:15010" };
    const spawned = spawnOperator({ kubeconfig: edge.kubeconfig, ports, logFile, flags });
    operator = spawned;
    void spawned.process.ended.then(() => {
      if (operator !== spawned || !wanted) return;
      if (!isStruck) throw new Error(`the operator ended by itself:\n${spawned.output().slice(-4000)}`);
      isStruck = false;
      // One of the sidecars begins anew as well: what it is sent first must be whole.
      shop.forget("cart-2");
      spawn();
    });
  };
  /** Ends the operator if this is the write. Of one that was started again nothing is counted. */
  const strike = (call: EdgeCall, when: Crash["when"]): "passed" | "lost" => {
    if (crashed || crash?.when !== when || numbers.get(call) !== crash.at) return "passed";
    crashed = true;
    writes.push(`ended ${when} ${wordsOf(call)}`);
    isStruck = true;
    void operator?.process.stop("SIGKILL");
    return "lost";
  };
  edge.rules = {
    ...open,
    before: async (call) => {
      if (isLate(call)) await delay(300);
      if (crashed || !isCounted(call)) return "passed";
      writes.push(wordsOf(call));
      numbers.set(call, writes.length);
      return strike(call, "before");
    },
    after: (call) => strike(call, "after"),
  };

  return {
    client,
    shop,
    start: () => {
      wanted = true;
      spawn();
    },
    stop: async () => {
      wanted = false;
      await operator?.process.stop("SIGTERM");
      operator = undefined;
    },
    arm: (next) => {
      crash = next;
      crashed = false;
      writes = [];
    },
    get writes() {
      return writes;
    },
    get crashed() {
      return crashed;
    },
    get isBack() {
      const output = operator?.output() ?? "";
      const latest = output.slice(output.lastIndexOf('"msg":"starting"'));
      return (
        !wanted || ["this replica leads", "every kind is listed"].every((said) => latest.includes(`"msg":"${said}"`))
      );
    },
    output: () => operator?.output() ?? "",
    close: async () => {
      wanted = false;
      shop.close();
      await operator?.process.stop();
      await edge.close();
      client.close();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
