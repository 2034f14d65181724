/** Docker: a daemon of the run's own, and the few commands that are needed of it. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type BackgroundProcess, collect, run, startProcess, tail, until } from "../processes.ts";

/** Address of the daemon that {@link startDaemon} starts, for `DOCKER_HOST`. */
export const daemonAddress = "unix:///run/docker.sock";

/** Whether a daemon answers at the address that the environment gives. */
export async function daemonAnswers(): Promise<boolean> {
  return (await collect("docker", ["version"], { timeout: 20_000 }).catch(() => undefined))?.status === 0;
}

/**
 * Starts a daemon in the present namespaces, which must be throw-away ones (outer-namespace.sh), and where nothing is in
 * the way in `/run`. Its images stay in `dataRoot`, which only one daemon at a time may use. The control groups of its
 * containers are below `controlGroup`, by which they are found when the daemon is gone.
 */
export async function startDaemon(dataRoot: string, controlGroup: string, logFile: string): Promise<BackgroundProcess> {
  mkdirSync(dataRoot, { recursive: true });
  const daemon = startProcess(
    "dockerd",
    "dockerd",
    [
      `--host=${daemonAddress}`,
      `--data-root=${dataRoot}`,
      `--cgroup-parent=/${controlGroup}`,
      "--exec-opt=native.cgroupdriver=cgroupfs",
      `--add-runtime=wrapped=${join(import.meta.dirname, "node/runc-wrap")}`,
      "--default-runtime=wrapped",
    ],
    { logFile },
  );
  try {
    await until("docker's daemon answers", daemonAnswers, { timeout: 60_000, process: daemon });
  } catch (error) {
    await daemon.stop("SIGTERM");
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${tail(logFile)}`);
  }
  return daemon;
}

/** Whether the daemon has an image of this name. */
export async function hasImage(name: string): Promise<boolean> {
  return (await collect("docker", ["image", "inspect", name])).status === 0;
}

/** Builds an image from a folder. */
export async function buildImage(
  name: string,
  folder: string,
  dockerfile: string,
  parameters: Readonly<Record<string, string>> = {},
): Promise<void> {
  const flags = Object.entries(parameters).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]);
  await run("docker", ["build", "--quiet", "--tag", name, "--file", dockerfile, ...flags, folder]);
}

/** Builds an image from these files, which lie side by side in its context, and the lines of a Dockerfile. */
export async function buildImageFrom(
  name: string,
  files: readonly (string | { readonly name: string; readonly content: string })[],
  dockerfile: readonly string[],
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "heddle-image-"));
  try {
    for (const file of files) {
      if (typeof file === "string") cpSync(file, join(folder, basename(file)));
      else writeFileSync(join(folder, file.name), file.content);
    }
    writeFileSync(join(folder, "Dockerfile"), `${dockerfile.join("\n")}\n`);
    await buildImage(name, folder, join(folder, "Dockerfile"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
