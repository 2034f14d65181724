/** What is tested on kind clusters: each suite has a cluster of its own, and images beside those of Heddle. */
import { binary } from "../binaries.ts";
import { gitopsModules, moduleFolder } from "../definitions.ts";
import { rootFileSystem } from "./debian.ts";
import { buildGitopsImages, gitopsImages } from "./gitops-images.ts";
import { buildPodinfoImage, olderImages, podinfoImage } from "./images.ts";

/** A set of tests on one cluster, or what else runs on one. */
export interface Suite {
  readonly name: string;
  /** The project of vitest; or the script of Node.js that runs in its place, by its path in the repository. */
  readonly project: string | { readonly script: string };
  /** A project that comes behind it, whether it passes or not. */
  readonly lastProject?: string;
  /** Names of images that the node gets beside those of Heddle. */
  readonly images: readonly string[];
  /** Whether images are made from Debian packages even where others can be pulled. */
  readonly debian: boolean;
  /** Gets what comes from the network, where the cache lacks it. */
  fetch(log: (line: string) => void): Promise<void>;
  /** Builds its images; without a network. */
  build(log: (line: string) => void): Promise<void>;
}

const suites: readonly Suite[] = [
  {
    name: "e2e",
    project: "e2e",
    lastProject: "e2e-last",
    images: [...olderImages, podinfoImage],
    debian: false,
    fetch: async () => void (await binary("podinfo")),
    build: buildPodinfoImage,
  },
  {
    name: "gitops",
    project: "e2e-gitops",
    images: gitopsImages,
    debian: true,
    fetch: async (log) => {
      await rootFileSystem("gitops", log);
      await binary("argocd");
      await binary("kustomize-controller");
      for (const name of gitopsModules) await moduleFolder(name);
    },
    build: buildGitopsImages,
  },
  {
    name: "bench",
    project: { script: "bench/cluster.ts" },
    images: [],
    debian: false,
    fetch: async () => {},
    build: async () => {},
  },
];

/** The suite of a name. @throws Error when there is none */
export function suiteOf(name: string): Suite {
  const suite = suites.find((one) => one.name === name);
  if (suite === undefined)
    throw new Error(`there is no suite ${name}; there are ${suites.map((one) => one.name).join(", ")}`);
  return suite;
}
