/**
 * A kind cluster, the tests of a suite on it (suites.ts), and its end. Part of `make e2e` (e2e.ts), which has put everything
 * that comes from the network in place.
 *
 *   node tools/kind/run.ts --suite=NAME [--own-daemon=CONTROL-GROUP] [--made-image] [-- VITEST-ARGUMENT...]
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cacheDirectory } from "../binaries/cache.ts";
import { binary } from "../binaries.ts";
import { expose } from "../expose.ts";
import { type BackgroundProcess, collect, endOf } from "../processes.ts";
import { reportsEnvironment, reportsFolder, tableOfReport } from "../reports.ts";
import { createCluster, exportLogs, loadImages, removeCluster } from "./cluster.ts";
import { daemonAddress, startDaemon } from "./docker.ts";
import { imageFigures, startFigures } from "./figures.ts";
import { buildHeddleImages, heddleImages, makeBases, operatorImage, proxyImage } from "./images.ts";
import { makeBaseImage, makeNodeImage, nodeParts, publicNodeImage } from "./node-image.ts";
import { type Suite, suiteOf } from "./suites.ts";

const repository = join(import.meta.dirname, "../..");

interface Settings {
  readonly suite: Suite;
  /** Control group of a daemon that is started; absent: the one that the environment names is used. */
  readonly ownDaemon: string | undefined;
  /** Whether the node's image, and what others are built on, are made here; else they are pulled. */
  readonly madeImages: boolean;
  /** Whether the cluster stays when the tests have run. */
  readonly keep: boolean;
  readonly vitestArguments: readonly string[];
  /** For logs and the kubeconfig. */
  readonly directory: string;
  /** Aborted by Ctrl-C. */
  readonly stop: AbortSignal;
  readonly log: (line: string) => void;
}

/** Makes the cluster and runs the tests on it; resolves with whether they passed. */
async function testOnCluster(settings: Settings): Promise<boolean> {
  const { suite, ownDaemon, madeImages, directory, log } = settings;
  const image = await prepareImages(madeImages, log);
  await suite.build(log);
  log("images are built");
  const figures = await imageFigures(operatorImage, proxyImage);
  const kubeconfig = join(directory, "kubeconfig-inside");
  const configuration = join(repository, madeImages ? "tools/kind/node/kind.yaml" : "kind-config.yaml");
  await createCluster({ configuration, image, kubeconfig });
  log("the cluster is up");
  await loadImages([...heddleImages, ...suite.images]);
  log("the node has the images");
  const first = await runTests(kubeconfig, settings, suite.project);
  const starts = await startFigures(kubeconfig);
  const passed =
    (suite.lastProject === undefined || (await runTests(kubeconfig, settings, suite.lastProject))) && first;
  log("the tests have run");
  const reports = reportsFolder() ?? directory;
  const projects = [suite.project, suite.lastProject].filter((project) => typeof project === "string");
  const table = projects.flatMap((project) => tableOfReport(reports, project));
  if (!settings.stop.aborted) console.log([...table, ...figures, ...starts].join("\n"));
  if (settings.keep && !settings.stop.aborted) {
    const path = ownDaemon !== undefined ? await expose(kubeconfig, directory) : kubeconfig;
    console.log(`\nThe cluster goes on: export KUBECONFIG=${path}    (kubectl is at ${await binary("kubectl")})`);
    if (ownDaemon !== undefined) {
      console.log("Ctrl-C ends it.");
      await aborted(settings.stop);
    }
  }
  return passed;
}

async function main(settings: Settings): Promise<boolean> {
  const { ownDaemon, directory, stop, log } = settings;
  const hadNetwork = ownDaemon === undefined && (await hasKindNetwork());
  let daemon: BackgroundProcess | undefined;
  let passed = false;
  try {
    if (ownDaemon !== undefined) {
      process.env["DOCKER_HOST"] = daemonAddress;
      daemon = await startDaemon(join(cacheDirectory(), "docker"), ownDaemon, join(directory, "dockerd.log"));
      log("docker's daemon is up");
    }
    const work = testOnCluster(settings).then((result) => {
      passed = result;
    });
    await Promise.race([work, aborted(stop)]);
  } catch (error) {
    console.error(`e2e: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!passed && !stop.aborted) {
    await exportLogs(join(directory, "node"));
    console.error(`Logs: ${directory}`);
  }
  if (daemon !== undefined) {
    await removeCluster();
    // What was replaced by later builds; nobody else uses this daemon.
    await collect("docker", ["image", "prune", "--force"]);
    await daemon.stop("SIGTERM");
  } else if (!settings.keep) {
    await removeCluster();
    if (!hadNetwork) await collect("docker", ["network", "rm", "kind"]);
  }
  const kept = settings.keep && ownDaemon === undefined;
  log(kept ? "the cluster stays: `kind delete cluster --name heddle-e2e` removes it" : "the cluster is gone");
  if (!kept && (passed || stop.aborted)) rmSync(directory, { recursive: true, force: true });
  return passed;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Builds the images of Heddle, and the node's when it is not pulled; gives the name of the node's. */
async function prepareImages(made: boolean, log: (line: string) => void): Promise<string> {
  if (!made) {
    await buildHeddleImages();
    return publicNodeImage;
  }
  const parts = await nodeParts(log);
  const [base, runtime] = [await makeBaseImage(parts.base), await makeBaseImage(parts.runtime)];
  const node = await makeNodeImage(parts, log);
  await buildHeddleImages(await makeBases(base, runtime, { node: process.execPath, envoy: await binary("envoy") }));
  return node;
}

/** Runs the files of a project, or a script; resolves with whether all passed. */
async function runTests(kubeconfig: string, settings: Settings, project: Suite["project"]): Promise<boolean> {
  const { directory, vitestArguments, stop: signal } = settings;
  const command = (): readonly [string, ...string[]] => {
    if (typeof project !== "string") return [process.execPath, project.script, ...vitestArguments];
    return ["vitest", "run", `--project=${project}`, "--passWithNoTests", ...vitestArguments];
  };
  const [program, ...args] = command();
  const reports = reportsEnvironment(reportsFolder() ?? directory);
  const environment = { ...process.env, ...reports, HEDDLE_E2E_KUBECONFIG: kubeconfig };
  const child = spawn(program, args, { cwd: repository, stdio: "inherit", env: environment, signal });
  return (await endOf(child)) === "exit code 0";
}

async function hasKindNetwork(): Promise<boolean> {
  return (await collect("docker", ["network", "inspect", "kind"])).status === 0;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    suite: { type: "string", default: "e2e" },
    "own-daemon": { type: "string" },
    "made-image": { type: "boolean", default: false },
  },
});
const began = performance.now();
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());
const passed = await main({
  suite: suiteOf(values.suite),
  ownDaemon: values["own-daemon"],
  madeImages: values["made-image"],
  keep: process.env["KEEP"] === "1",
  vitestArguments: positionals,
  directory: mkdtempSync(join(tmpdir(), "heddle-e2e-")),
  stop: stop.signal,
  log: (line) => console.log(`[${((performance.now() - began) / 1000).toFixed(1)} s] ${line}`),
});
process.exit(passed ? 0 : 1);
