/**
 * Containers as processes: namespaces by unshare, a root of their own made by container.sh, capabilities by setpriv. No
 * control groups and no seccomp: this isolates well enough for tests, and not for anything that is not trusted.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import type { V1PodSecurityContext, V1SecurityContext } from "@kubernetes/client-node";
import { type Running, start } from "../processes.ts";

/** Everything that a container is started with. */
export interface ContainerSettings {
  /** Name of the pod's network namespace. */
  readonly network: string;
  readonly hostname: string;
  /** An empty folder that becomes its root, for it alone. */
  readonly root: string;
  readonly mounts: readonly { readonly source: string; readonly target: string; readonly writable: boolean }[];
  readonly command: readonly string[];
  readonly environment: ReadonlyMap<string, string>;
  readonly directory: string;
  readonly security: V1SecurityContext & Pick<V1PodSecurityContext, "fsGroup">;
  /** Its output is added to this file. */
  readonly logFile: string;
}

/** A container that has been started. */
export interface RunningContainer {
  /** Resolves once its file system is made and its program is next, or once it has ended. */
  readonly created: Promise<unknown>;
  /** Resolves with its exit code (128 and the signal's number when one ended it) once all its processes are gone. */
  readonly ended: Promise<number>;
  /** Sends a signal to its first process; without effect before that runs and after it ended. */
  signal(name: NodeJS.Signals): void;
  /** Starts a program in it, as its user and with its environment. */
  start(command: readonly string[], timeout?: number): Running;
}

/** What container runtimes leave a container that asks for nothing. */
const defaultCapabilities =
  "chown dac_override fsetid fowner mknod net_raw setgid setuid setfcap setpcap net_bind_service sys_chroot kill audit_write".split(
    " ",
  );

/** Starts a container. What fails while it is set up is in its log, and its exit code is not 0. */
export function startContainer(settings: ContainerSettings): RunningContainer {
  mkdirSync(settings.root, { recursive: true });
  const log = openSync(settings.logFile, "a");
  const namespaces = ["--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"];
  const program = ["unshare", ...namespaces, "sh", join(import.meta.dirname, "container.sh")];
  const mounts = settings.mounts.flatMap(({ source, target, writable }) => [source, target, writable ? "rw" : "ro"]);
  const readOnly = String(settings.security.readOnlyRootFilesystem === true);
  const inside = [...environmentWords(settings), ...privilegeWords(settings.security), ...settings.command];
  const child = spawn(
    "setpriv",
    [
      ...["--pdeathsig", "KILL", "nsenter", `--net=/run/netns/${settings.network}`, ...program],
      ...[settings.root, settings.hostname, readOnly, ...mounts, "--", settings.directory, ...inside],
    ],
    { stdio: ["ignore", log, log, "pipe"], detached: true },
  );
  closeSync(log);
  const ended = new Promise<number>((resolve) => {
    child.once("error", () => resolve(128));
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
  const created = new Promise<void>((resolve) => child.stdio[3]?.once("data", () => resolve()).once("error", () => {}));
  return {
    created: Promise.race([created, ended]),
    ended,
    signal(name) {
      // Without a first process it is being set up: then nothing but its end can be meant.
      const pid = firstProcess(child);
      if (pid === undefined) child.kill("SIGKILL");
      else {
        try {
          process.kill(pid, name);
        } catch {
          // It has just ended by itself.
        }
      }
    },
    start(command, timeout) {
      const pid = firstProcess(child);
      if (pid === undefined) throw new Error("the container does not run");
      const enter = ["--target", String(pid), "--mount", "--pid", "--net", "--uts", "--ipc", "--root"];
      const words = [...environmentWords(settings), ...privilegeWords(settings.security), ...command];
      const options = timeout === undefined ? {} : { timeout };
      return start("nsenter", [...enter, "/usr/bin/env", "-i", "-C", settings.directory, ...words], options);
    },
  };
}

/** The process that is number 1 inside, as a number of here. */
function firstProcess(unshare: ChildProcess): number | undefined {
  try {
    const [pid = ""] = readFileSync(`/proc/${unshare.pid}/task/${unshare.pid}/children`, "utf8").split(" ");
    return pid === "" ? undefined : Number(pid);
  } catch {
    return undefined;
  }
}

function environmentWords({ environment }: ContainerSettings): string[] {
  return [...environment].map(([name, value]) => `${name}=${value}`);
}

function privilegeWords(security: ContainerSettings["security"]): string[] {
  const user = security.runAsUser ?? 0;
  const groups = security.fsGroup === undefined ? ["--clear-groups"] : ["--groups", String(security.fsGroup)];
  const words = [
    "/usr/bin/setpriv",
    "--reuid",
    String(user),
    "--regid",
    String(security.runAsGroup ?? user),
    ...groups,
  ];
  if (security.allowPrivilegeEscalation === false) words.push("--no-new-privs");
  if (security.privileged === true) return words;
  const plain = (name: string): string => name.toLowerCase().replace(/^cap_/, "");
  const dropped = new Set((security.capabilities?.drop ?? []).map(plain));
  const kept = dropped.has("all") ? [] : defaultCapabilities.filter((name) => !dropped.has(name));
  const capabilities = [...new Set([...kept, ...(security.capabilities?.add ?? []).map(plain)])];
  const set = ["-all", ...capabilities.map((name) => `+${name}`)].join();
  return [...words, "--inh-caps", "-all", "--bounding-set", set];
}
