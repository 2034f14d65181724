/** What tools for GitOps read from, served in the cluster: git repositories, and artifacts as Flux fetches them. */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ClusterAccess } from "../../../tools/cluster.ts";
import type { Mesh } from "../../../tools/demo/mesh.ts";
import { sourcesImage } from "../../../tools/kind/gitops-images.ts";
import { run } from "../../../tools/processes.ts";

const namespace = "gitops-sources";

/** Contents by path. */
export type Files = ReadonlyMap<string, string>;

const serverYaml = `apiVersion: v1
kind: Namespace
metadata: {name: ${namespace}}
---
apiVersion: v1
kind: Service
metadata: {name: sources, namespace: ${namespace}}
spec: {selector: {app: sources}, ports: [{name: git, port: 9418}, {name: http, port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: sources, namespace: ${namespace}}
spec:
  selector: {matchLabels: {app: sources}}
  template:
    metadata: {labels: {app: sources}}
    spec:
      securityContext: {fsGroup: 999}
      volumes: [{name: srv, emptyDir: {}}]
      containers:
        - name: git
          image: ${sourcesImage}
          command: [sh, -c, mkdir -p /srv/git && exec git daemon --export-all --base-path=/srv/git /srv/git]
          readinessProbe: {tcpSocket: {port: 9418}}
          volumeMounts: [{name: srv, mountPath: /srv}]
        - name: http
          image: ${sourcesImage}
          command: [sh, -c, mkdir -p /srv/http && exec busybox httpd -f -p 8080 -h /srv/http]
          readinessProbe: {tcpSocket: {port: 8080}}
          volumeMounts: [{name: srv, mountPath: /srv}]
`;

/** Starts the server, unless it runs. */
async function serve(mesh: Mesh<ClusterAccess>): Promise<void> {
  await mesh.apply(serverYaml);
  await mesh.kubectl("rollout", "status", "deployment/sources", "-n", namespace, "--timeout=3m");
}

/** Runs a script in the server's pod, with an archive, in Base64, as its standard input; gives what it prints. */
async function inServer(mesh: Mesh<ClusterAccess>, script: string, archive: Buffer): Promise<string> {
  await serve(mesh);
  const command = ["exec", "-i", "-n", namespace, "deployment/sources", "-c", "git", "--", "sh", "-euc", script];
  const { status, stdout, stderr } = await mesh.cluster.kubectl(command, archive.toString("base64"));
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

/** A `.tar.gz` with these files. */
async function archiveOf(files: Files): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), "heddle-source-"));
  try {
    const content = join(folder, "content");
    mkdirSync(content);
    for (const [path, text] of files) {
      mkdirSync(join(content, dirname(path)), { recursive: true });
      writeFileSync(join(content, path), text);
    }
    const file = join(folder, "archive.tar.gz");
    await run("tar", ["-C", content, "-czf", file, "."]);
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The address of a repository, for `repoURL`. */
export const repositoryUrl = (name: string): string => `git://sources.${namespace}.svc/${name}.git`;

/** Makes these files, and no others, the next commit of the branch `main` of a repository; gives the commit. */
export async function commit(mesh: Mesh<ClusterAccess>, name: string, files: Files): Promise<string> {
  const script = `export HOME=/tmp
mkdir -p /srv/git/${name}.git
cd /srv/git/${name}.git
[ -d .git ] || git init -q -b main
find . -mindepth 1 -maxdepth 1 ! -name .git -exec rm -rf {} +
base64 -d | tar -xz
git add --all
git -c user.name=test -c user.email=test@example.com commit -q --allow-empty -m test
git rev-parse HEAD`;
  return inServer(mesh, script, await archiveOf(files));
}

/** An artifact as the status of a source of Flux has it. */
export interface Artifact {
  readonly url: string;
  readonly path: string;
  readonly revision: string;
  readonly digest: string;
  readonly size: number;
  readonly lastUpdateTime: string;
}

/** Serves these files as an artifact. */
export async function publish(mesh: Mesh<ClusterAccess>, name: string, files: Files): Promise<Artifact> {
  const archive = await archiveOf(files);
  const digest = createHash("sha256").update(archive).digest("hex");
  const path = `${name}/${digest}.tar.gz`;
  await inServer(mesh, `mkdir -p /srv/http/${name} && base64 -d > /srv/http/${path}`, archive);
  return {
    url: `http://sources.${namespace}.svc/${path}`,
    path,
    revision: `main@sha1:${digest.slice(0, 40)}`,
    digest: `sha256:${digest}`,
    size: archive.length,
    lastUpdateTime: new Date().toISOString(),
  };
}
