/** Root file systems from Debian packages, kept in the cache: what images are made of where none can be pulled. */
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory, cached, store, withCacheLock } from "../binaries/cache.ts";
import { run } from "../processes.ts";

const suite = "bookworm";

const packages = {
  /** Under most images: what programs are linked to, and the tools of the redirect and of kube-proxy. */
  base: ["ca-certificates", "conntrack", "iproute2", "iptables", "kmod", "libstdc++6"],
  /** Under the operator: what Node.js is linked to. */
  runtime: ["base-files", "libstdc++6"],
  /** Under Argo CD, and what serves it: it runs git, and keeps what it has seen in Redis. */
  gitops: ["busybox", "ca-certificates", "git", "redis-server"],
  /** Of the node: the container runtime, and what the kubelet calls. */
  node: [
    ...["ca-certificates", "conntrack", "iproute2", "iptables", "kmod"],
    ...["containerd", "containernetworking-plugins", "ethtool", "mount", "procps", "runc", "socat"],
  ],
} as const;

/** Path of a `.tar` with the packages and what they depend on; made, in about half a minute, when the cache has none. */
export async function rootFileSystem(name: keyof typeof packages, log: (line: string) => void): Promise<string> {
  const list = packages[name].toSorted().join(",");
  const directory = join(
    cacheDirectory(),
    `debian-${suite}-${name}-${createHash("sha256").update(list).digest("hex").slice(0, 10)}`,
  );
  const file = "root.tar";
  return withCacheLock(
    () => log("waiting for another process that fills the cache"),
    async () => {
      const found = await cached(directory, file);
      if (found !== undefined) return found;
      mkdirSync(directory, { recursive: true });
      log(`making a root file system (${name}) from Debian packages`);
      const work = join(directory, "work.tar");
      // Debian's signatures stand for what is in the packages; the cache remembers what came of them.
      // What has no shell cannot configure packages either: they are only unpacked.
      const variant = name === "runtime" ? "extract" : "minbase";
      await run("mmdebstrap", ["--quiet", `--variant=${variant}`, `--include=${list}`, suite, work]);
      return store(directory, file, work, `mmdebstrap ${suite} ${list}`);
    },
  );
}
