/**
 * Containers as processes: namespaces by unshare, a root of their own made by container.sh, users and capabilities by
 * setpriv. No control groups and no seccomp: good enough for tests, and not for anything that is not trusted.
 */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { type Running, start } from "../processes.ts";

/** A container that has been started. */
export type RunningContainer = ReturnType<typeof startContainer>;

/** Starts a container. What fails while it is set up is in its log, and its exit code is not 0. */
export function startContainer(settings: {
  /** Name of the pod's network namespace. */
  readonly network: string;
  /** An empty folder, over which its root is mounted in a mount namespace of its own. */
  readonly root: string;
  /** Of each its source, its target and `ro` or `rw`. */
  readonly mounts: readonly (readonly string[])[];
  /** Words in front of each program that runs in it (environment.ts). */
  readonly context: readonly string[];
  readonly command: readonly string[];
  /** Its output is added to this file. */
  readonly logFile: string;
}) {
  const { network, root, context } = settings;
  mkdirSync(root, { recursive: true });
  const log = openSync(settings.logFile, "a");
  const namespaces = [`--net=/run/netns/${network}`, "unshare", "--mount", "--pid", "--fork", "--kill-child"];
  const script = ["sh", join(import.meta.dirname, "container.sh"), root, ...settings.mounts.flat(), "--"];
  const program = ["--pdeathsig", "KILL", "nsenter", ...namespaces, ...script, ...context, ...settings.command];
  const child = spawn("setpriv", program, { stdio: ["ignore", log, log, "pipe"], detached: true });
  closeSync(log);
  const ended = new Promise<number>((resolve) => {
    child.once("error", () => resolve(128));
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
  const created = new Promise<void>((resolve) => child.stdio[3]?.once("data", () => resolve()).once("error", () => {}));
  /** The process that is number 1 inside, as a number of here. Fails when there is none. */
  const firstProcess = (): number =>
    Number.parseInt(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8"), 10);
  return {
    /** Resolves once its file system is made and its program is next, or once it has ended. */
    created: Promise.race([created, ended]),
    /** Resolves with its exit code (128 and the signal's number when one ended it) once all its processes are gone. */
    ended,
    /** Sends a signal to its first process; ends it when that does not run yet. */
    signal(name: NodeJS.Signals): void {
      try {
        process.kill(firstProcess(), name);
      } catch {
        child.kill("SIGKILL");
      }
    },
    /** Starts a program in it, as its user and with its environment. */
    start(command: readonly string[]): Running {
      const target = ["--target", String(firstProcess()), "--mount", "--pid", "--net", "--root"];
      return start("nsenter", [...target, "/usr/bin/env", "-i", ...context, ...command]);
    },
  };
}
