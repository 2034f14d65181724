/** The operator as a process beside a real API server: when it is ready, serves, and has written everything; what it takes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LentApiServer } from "../test/support/api-server-pool.ts";
import { type AuditedWrite, auditedSize, readWrites } from "../test/support/audit-log.ts";
import { type Operator, type OperatorPorts, spawnOperator } from "../test/support/operator.ts";
import { until } from "../tools/processes.ts";

/** What a process takes of the machine, as Linux says it (proc_pid_stat(5), proc_pid_status(5)). */
export interface Usage {
  /** Processor time of all its threads since its start, in milliseconds; Linux counts in steps of 10. */
  readonly cpu: number;
  /** Resident memory with what is mapped of programs, in MB of 2^20. */
  readonly resident: number;
  /** The most of it so far. */
  readonly peak: number;
}

/** A moment in milliseconds from before the process was made, and what the process had taken by then. */
type Moment = { readonly at: number } & Usage;

/** An operator that was started, and is done. */
export interface Started {
  /** `/readyz` answers 200: pods are admitted. */
  readonly ready: Moment;
  /** The port of ADS is open, which it is once everything was compiled: proxies are served. */
  readonly serving: Moment;
  /** The last write of a record, a Secret or a status, after which there was none for {@link silence}. */
  readonly written: Moment;
  /** Those writes, by `verb resource`. */
  readonly writes: ReadonlyMap<string, number>;
  readonly operator: Operator;
  usage(): Usage;
  /**
   * Resolves once it has written as much as this since the last call, and then nothing for so long; gives what it has
   * written. Leases and events do not count.
   */
  quiet(milliseconds: number, least?: number): Promise<readonly AuditedWrite[]>;
}

/** So long nothing must be written for all to be written, in milliseconds: more than any hold-off or retry of a conflict. */
const silence = 3000;
/** The slowest mesh that anybody measures must be through by then. */
const deadline = 300_000;
const replica = "bench";
const program = join(import.meta.dirname, "../dist/heddle.mjs");
const image = readFileSync(join(import.meta.dirname, "../images/operator/Dockerfile"), "utf8");
/** What the image gives to Node.js: flags, and an environment in which glibc keeps less. */
const imageFlags = (/^ENTRYPOINT \["node", (.*), "[^"]*"\]$/m.exec(image)?.[1] ?? "")
  .split(", ")
  .map((flag) => JSON.parse(flag) as string);
const imageEnvironment = Object.fromEntries(
  (/^ENV (.*)$/m.exec(image)?.[1] ?? "").split(" ").map((pair) => pair.split("=", 2) as [string, string]),
);

/** Where and how an operator is started. */
export interface StartOptions {
  readonly server: LentApiServer;
  readonly ports: OperatorPorts;
  /** What it writes is added there. */
  readonly logFile: string;
  /** Flags of Node.js. */
  readonly nodeFlags?: readonly string[];
  /** Told when it is ready, long before all is written. */
  readonly onReady?: (usage: () => Usage) => void;
}

/** Starts the operator as the only replica, and waits until it has written everything. Rejects when it ends before. */
export async function startMeasured({
  server,
  ports,
  logFile,
  nodeFlags = [],
  onReady,
}: StartOptions): Promise<Started> {
  const { kubeconfig, auditLog } = server;
  const audited = auditedSize(auditLog);
  const start = Date.now();
  for (const [name, value] of Object.entries(imageEnvironment)) if (name !== "PATH") process.env[name] = value;
  const hasSize = nodeFlags.some((flag) => flag.startsWith("--max-old-space-size="));
  const operator = spawnOperator({
    ...{ kubeconfig, ports, logFile, program, flags: { replica } },
    // A share of the memory would win against a size.
    nodeFlags: [...imageFlags.filter((flag) => !hasSize || !flag.startsWith("--max-old-space-size")), ...nodeFlags],
  });
  const { pid = 0 } = operator.process;
  const usage = (): Usage => usageOf(pid);
  const now = (): Moment => ({ at: Date.now() - start, ...usage() });
  const wait = { timeout: deadline, interval: 10, process: operator.process };
  const readiness = until("the operator to be ready", async () => (await operator.fetch("/readyz")).ok && now(), wait);
  const opening = until("proxies to be served", () => isServing(logFile, start) && now(), wait);
  void readiness.then(() => onReady?.(usage)).catch(() => undefined);
  const [ready, serving] = await Promise.all([readiness, opening]);

  let seen = 0;
  const quiet: Started["quiet"] = async (milliseconds, least = 0) => {
    let since = Date.now();
    let count = seen;
    const isQuiet = (): boolean => {
      const writes = writesOf(auditLog, audited).length;
      if (writes !== count) since = Date.now();
      count = writes;
      return count >= seen + least && Date.now() - since >= milliseconds;
    };
    await until("the operator to have written all", isQuiet, { ...wait, interval: 500 });
    const writes = writesOf(auditLog, audited).slice(seen);
    seen += writes.length;
    return writes;
  };
  const writes = await quiet(silence);
  const last = writes.at(-1)?.time ?? start;
  const written = { ...now(), at: Math.max(last - start, serving.at) };
  return { ready, serving, written, writes: countOf(writes), operator, usage, quiet };
}

const writesOf = (auditLog: string, from: number): readonly AuditedWrite[] =>
  readWrites(auditLog, from, `(${replica})`).filter(({ object }) => !["leases", "events"].includes(object.resource));

function countOf(writes: readonly AuditedWrite[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { verb, object, code } of writes) {
    const { resource, subresource } = object;
    const what = `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}${code < 300 ? "" : ` ${code}`}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return counts;
}

/** Its log says so, with the time; earlier processes have written to the file as well. */
function isServing(logFile: string, start: number): boolean {
  return readFileSync(logFile, "utf8")
    .split("\n")
    .filter((line) => line.includes('"serving proxies"'))
    .some((line) => Date.parse((JSON.parse(line) as { time: string }).time) >= start);
}

function usageOf(pid: number): Usage {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const megabytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1024;
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // Behind the name, which may hold anything but this: fields 14 and 15 of them all.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const cpu = (Number(fields[11]) + Number(fields[12])) * 10;
  return { cpu, resident: megabytes("VmRSS"), peak: megabytes("VmHWM") };
}
