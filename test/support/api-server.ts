/** A real API server for tests: one that the run shares, one that is borrowed, or one of a test's own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { binary } from "../../tools/binaries.ts";
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from "../../tools/control-plane.ts";
import { askPool, type LentApiServer } from "./api-server-pool.ts";

/** How to reach an API server with all rights. */
export type ApiServer = Pick<ControlPlane, "url" | "kubeconfig" | "adminToken" | "authority">;

declare module "vitest" {
  export interface ProvidedContext {
    /** The run's shared API server, started by `global-setup-api-server.ts`. */
    apiServer: ApiServer;
    /** Socket of the pool of API servers that test files borrow. */
    apiServers: string;
    /** Path of the operator as one file, bundled there. */
    operator: string;
  }
}

/**
 * The API server that all test files of the project `apiserver` share. Files run at the same time: each makes
 * namespaces of its own, and cluster-wide objects that do not change what others see. No controllers run, so there are
 * no default ServiceAccounts, and a deleted namespace stays.
 */
export function apiServer(): ApiServer {
  return inject("apiServer");
}

/** Path of the operator as one file, made from the sources of now. */
export const operatorProgram = (): string => inject("operator");

/** An API server that a test file has to itself until it gives it back. */
export interface BorrowedApiServer extends LentApiServer {
  /** See {@link ControlPlane.halt}. It must run again before it is given back. */
  halt(): Promise<void>;
  /** See {@link ControlPlane.restart}. */
  restart(): Promise<void>;
  /** Gives it back: all that was stored is gone. */
  stop(): Promise<void>;
}

/** Borrows an API server: without controllers, and empty but for definitions of ours that others have left there. */
export async function borrowApiServer(): Promise<BorrowedApiServer> {
  const socket = inject("apiServers");
  const lent = await askPool<LentApiServer>(socket, "lend");
  return {
    ...lent,
    halt: () => askPool(socket, "halt", lent.id),
    restart: () => askPool(socket, "restart", lent.id),
    stop: () => askPool(socket, "return", lent.id),
  };
}

/**
 * An API server of the caller's own, about 3 s to start: for tests that need controllers or flags. `stop` also removes
 * its files.
 */
export async function startApiServer(
  options: Omit<ControlPlaneOptions, "directory" | "binaries"> & { readonly controllers?: boolean } = {},
): Promise<ControlPlane> {
  const { controllers = false, ...rest } = options;
  const directory = mkdtempSync(join(tmpdir(), "heddle-test-api-server-"));
  const controlPlane = await startControlPlane({
    ...rest,
    directory,
    binaries: {
      etcd: await binary("etcd"),
      kubeApiserver: await binary("kube-apiserver"),
      ...(controllers ? { kubeControllerManager: await binary("kube-controller-manager") } : {}),
    },
  });
  return {
    ...controlPlane,
    async stop() {
      await controlPlane.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
