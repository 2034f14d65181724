/** The image of a kind node, and those that Kubernetes runs from in it, made from programs and Debian packages. */
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kubernetesVersion } from "../binaries/catalog.ts";
import { type BinaryName, binary } from "../binaries.ts";
import { run } from "../processes.ts";
import { rootFileSystem } from "./debian.ts";
import { buildImageFrom, hasImage } from "./docker.ts";

/** What kind makes nodes of unless it is told otherwise, in its version of `binaries/catalog.ts`. */
export const publicNodeImage =
  "kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5";

const nodeFolder = join(import.meta.dirname, "node");
const repository = "heddle-kind-node";

/** What the image is made of, by path. */
export interface NodeParts {
  readonly base: string;
  readonly runtime: string;
  readonly node: string;
  readonly programs: Readonly<Record<(typeof programs)[number], string>>;
}

const programs = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kube-proxy",
  "etcd",
  "coredns",
  "kubelet",
  "kubeadm",
  "kubectl",
] as const satisfies readonly BinaryName[];

/** Gets all parts, of which most come from the network when the cache lacks them. */
export async function nodeParts(log: (line: string) => void): Promise<NodeParts> {
  const found: [string, string][] = [];
  for (const name of programs) found.push([name, await binary(name)]);
  return {
    base: await rootFileSystem("base", log),
    runtime: await rootFileSystem("runtime", log),
    node: await rootFileSystem("node", log),
    programs: Object.fromEntries(found) as NodeParts["programs"],
  };
}

/** Makes the image unless there is one of the same parts, and forgets those of other parts. Gives its name. */
export async function makeNodeImage(parts: NodeParts, log: (line: string) => void): Promise<string> {
  const name = `${repository}:${fingerprint(parts)}`;
  if (await hasImage(name)) return name;
  log("making the node image");
  const baseImage = await makeBaseImage(parts.base);
  const images = await kubernetesImages(parts.programs.kubeadm);
  const work = mkdtempSync(join(tmpdir(), "heddle-node-"));
  try {
    for (const [program, image] of images) {
      const path = parts.programs[program as keyof NodeParts["programs"]] as string | undefined;
      if (path === undefined) {
        // The container that holds a pod's namespaces has nothing to do.
        await buildImageFrom(image, [], [`FROM ${baseImage}`, 'ENTRYPOINT ["sleep", "infinity"]']);
        continue;
      }
      // Only kube-proxy calls other programs. What is not root's by its manifest runs as who it wants.
      const base = program === "kube-proxy" ? baseImage : "scratch";
      const lines = [`FROM ${base}`, `COPY ${program} /usr/local/bin/`, `ENTRYPOINT ["/usr/local/bin/${program}"]`];
      await buildImageFrom(image, [path], base === "scratch" ? [...lines, "ENV PATH=/usr/local/bin"] : lines);
    }
    const archive = join(work, "images.tar");
    await run("docker", ["save", "--output", archive, ...images.values()]);
    const file = (name: string): string => join(nodeFolder, name);
    const pause = [...images].find(([program]) => program === "pause")?.[1] ?? "";
    await buildImageFrom(
      name,
      [
        ...(["kubelet", "kubeadm", "kubectl"] as const).map((program) => parts.programs[program]),
        { name: "containerd.toml", content: readFileSync(file("containerd.toml"), "utf8").replace("@PAUSE@", pause) },
        { name: "version", content: kubernetesVersion },
        ...["entrypoint", "runc-wrap", "bridge.conflist"].map(file),
        archive,
        parts.node,
      ],
      readFileSync(file("Dockerfile"), "utf8").split("\n"),
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  await forgetOthers(name);
  return name;
}

/** An image of a root file system. */
export async function makeBaseImage(root: string): Promise<string> {
  const name = `heddle-base:${fingerprintOf([root])}`;
  if (!(await hasImage(name))) await buildImageFrom(name, [root], ["FROM scratch", "ADD root.tar /"]);
  return name;
}

/** Program to the name of the image under which kubeadm wants it. */
async function kubernetesImages(kubeadm: string): Promise<ReadonlyMap<string, string>> {
  const list = await run(kubeadm, ["config", "images", "list", `--kubernetes-version=${kubernetesVersion}`]);
  return new Map(
    list
      .trim()
      .split("\n")
      .map((image) => [/([^/:]+):[^:]*$/.exec(image)?.[1] ?? image, image]),
  );
}

async function forgetOthers(name: string): Promise<void> {
  const list = await run("docker", ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", repository]);
  for (const other of list.split("\n").filter((line) => line !== "" && line !== name)) {
    await run("docker", ["image", "rm", other]);
  }
}

function fingerprint(parts: NodeParts): string {
  const files = readdirSync(nodeFolder).toSorted();
  return fingerprintOf(
    [parts.base, parts.node, ...Object.values(parts.programs)],
    files.map((name) => readFileSync(join(nodeFolder, name), "utf8")),
  );
}

/** Large files count by path, size and time; texts as they are. */
function fingerprintOf(paths: readonly string[], texts: readonly string[] = []): string {
  const hash = createHash("sha256");
  for (const path of paths) {
    const { size, mtimeMs } = statSync(path);
    hash.update(JSON.stringify([path, size, mtimeMs]));
  }
  hash.update(JSON.stringify(texts));
  return hash.digest("hex").slice(0, 10);
}
