/**
 * `make e2e` and `make e2e-gitops`: gets what a kind cluster needs, then runs the tests of a suite on one (run.ts).
 *
 *   node tools/kind/e2e.ts [--suite=NAME] [VITEST-ARGUMENT...]
 *
 * Where a daemon of Docker runs and can pull kind's image, both are used as they are. Else the node is made from programs
 * and Debian packages, and where no daemon runs, one of the run's own is started in throw-away namespaces, so that it
 * leaves no process, mount, interface or iptables rule. Its images stay in the cache.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { cacheDirectory } from "../binaries/cache.ts";
import { binary } from "../binaries.ts";
import { raiseInotifyInstances } from "../inotify.ts";
import { collect, endOf, run } from "../processes.ts";
import { daemonAnswers } from "./docker.ts";
import { nodeParts, publicNodeImage } from "./node-image.ts";
import { type Suite, suiteOf } from "./suites.ts";

const log = (line: string): void => console.error(`e2e: ${line}`);
const repository = join(import.meta.dirname, "../..");
const minute = 60_000;
/** The control groups of runs begin with this, and go on with a number of the run. */
const groupPrefix = "heddle-e2e-";

async function main(suite: Suite, vitestArguments: readonly string[]): Promise<number> {
  raiseInotifyInstances();
  const daemon = await daemonAnswers();
  const pulled = daemon && (await canPull());
  if (!pulled || suite.debian) await run(join(repository, "tools/packages.sh"), ["kind"]);
  if (!pulled) {
    await nodeParts(log);
    await binary("envoy");
  }
  await suite.fetch(log);
  await binary("kind");
  await binary("kubectl");
  await binary("helm");
  const command = [
    process.execPath,
    join(import.meta.dirname, "run.ts"),
    `--suite=${suite.name}`,
    ...(daemon ? [] : [`--own-daemon=${groupPrefix}${process.pid}`]),
    ...(pulled ? [] : ["--made-image"]),
    "--",
    ...vitestArguments,
  ];
  if (daemon) return ended(spawn(command[0] ?? "", command.slice(1), { stdio: "inherit" }));
  mkdirSync(cacheDirectory(), { recursive: true });
  const forward = [
    "--forward",
    `${process.env["PORT"] ?? "16443"}=${join(tmpdir(), `heddle-e2e-${process.pid}.sock`)}`,
  ];
  const outer = [
    join(repository, "tools/outer-namespace.sh"),
    ...(process.env["KEEP"] === "1" ? forward : []),
    "--",
    ...command,
  ];
  // The lock is held until the last process of the namespaces is gone: the daemon's data are for one at a time.
  const lock = ["--no-fork", join(cacheDirectory(), "docker.lock"), "bash"];
  const code = await ended(spawn("flock", [...lock, ...outer], { stdio: "inherit" }));
  removeControlGroups();
  return code;
}

/** Whether the daemon has kind's image, or gets it. */
async function canPull(): Promise<boolean> {
  if ((await collect("docker", ["image", "inspect", publicNodeImage])).status === 0) return true;
  log(`pulling ${publicNodeImage}`);
  const { status, stderr } = await collect("docker", ["pull", "--quiet", publicNodeImage], { timeout: 10 * minute });
  if (status !== 0) log(`it cannot be pulled, so it is made here (${stderr.trim().split("\n")[0]})`);
  return status === 0;
}

/** The exit code of a child, which Ctrl-C reaches too, and which is to end in its own way. */
async function ended(child: ChildProcess): Promise<number> {
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  await endOf(child);
  return child.exitCode ?? 1;
}

/**
 * Control groups are the machine's, whatever the namespace. Those of this run, and of runs that were killed, are empty
 * now; those of a run that goes on in another cache are left alone.
 */
function removeControlGroups(): void {
  const root = "/sys/fs/cgroup";
  for (const hierarchy of [root, ...folders(root)]) {
    for (const group of folders(hierarchy)) if (isOver(basename(group))) removeGroup(group);
  }
}

/** Whether this is the group of a run that is this one, or does not go on in another cache. */
function isOver(group: string): boolean {
  if (!group.startsWith(groupPrefix)) return false;
  const run = group.slice(groupPrefix.length);
  return run === String(process.pid) || !existsSync(join("/proc", run));
}

function removeGroup(group: string): void {
  for (const child of folders(group)) removeGroup(child);
  try {
    rmdirSync(group);
  } catch (error) {
    // Busy: something of a killed run still ends. Gone: it has ended just now.
    if (!["EBUSY", "ENOENT"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

function folders(path: string): string[] {
  const entries = readdirSync(path, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(path, entry.name));
}

try {
  const [first, ...others] = process.argv.slice(2);
  const name = /^--suite=(.*)$/.exec(first ?? "")?.[1];
  process.exit(await main(suiteOf(name ?? "e2e"), name === undefined ? process.argv.slice(2) : others));
} catch (error) {
  console.error(`e2e: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
