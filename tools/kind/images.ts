/** The images of Heddle and of its examples, built as a user would build them. */
import { join } from "node:path";
import { binary } from "../binaries.ts";
import { repository } from "../demo/mesh.ts";
import { run } from "../processes.ts";
import { buildImage, buildImageFrom } from "./docker.ts";
import { olderTag, withOlderBuild } from "./older.ts";

/** What the images are built on where none can be pulled, by path. */
export interface ImageParts {
  readonly node: string;
  readonly envoy: string;
}

/** Names of images to build on. */
type Bases = Readonly<Record<keyof ImageParts | "runtime", string>>;

/** Their tag: not `latest`, so that a kubelet that has one does not try to pull it. */
export const imageTag = "dev";

const dockerfiles = {
  heddle: { folder: "images/operator", context: "dist", parameters: { NODE: "node", BASE: "runtime" } },
  "heddle-proxy": { folder: "images/proxy", context: "images/proxy", parameters: { BASE: "envoy" } },
  "heddle-demo-app": { folder: "images/demo-app", context: "tools/demo", parameters: { BASE: "node" } },
} as const;

/** The two that are Heddle itself. */
export const [operatorImage, proxyImage] = [`heddle:${imageTag}`, `heddle-proxy:${imageTag}`];

/** Of podinfo, the application of somebody else that tests put into the mesh. */
export const podinfoImage = `podinfo:${imageTag}`;

/** Names of the images of Heddle and its examples. */
export const heddleImages = Object.keys(dockerfiles).map((name) => `${name}:${imageTag}`);

/** Names of those of the older build. */
export const olderImages = ["heddle", "heddle-proxy"].map((name) => `${name}:${olderTag}`);

/** Builds them, and those of the older build: on the public images that their Dockerfiles name, or on `bases`. */
export async function buildHeddleImages(bases?: Bases): Promise<void> {
  const buildOne = (name: keyof typeof dockerfiles, tag: string, context: string): Promise<void> => {
    const { folder, parameters } = dockerfiles[name];
    const dockerfile = join(repository, folder, "Dockerfile");
    const built = bases && Object.fromEntries(Object.entries(parameters).map(([key, base]) => [key, bases[base]]));
    return buildImage(`${name}:${tag}`, context, dockerfile, built);
  };
  for (const name of ["heddle", "heddle-proxy", "heddle-demo-app"] as const)
    await buildOne(name, imageTag, join(repository, dockerfiles[name].context));
  await withOlderBuild((folder) => buildOne("heddle", olderTag, folder));
  // Of its sidecar only the name is another one.
  await run("docker", ["tag", proxyImage, `heddle-proxy:${olderTag}`]);
}

/** Builds the image of podinfo: the program alone, which runs as somebody. */
export async function buildPodinfoImage(): Promise<void> {
  await buildImageFrom(
    podinfoImage,
    [await binary("podinfo")],
    ["FROM scratch", "COPY podinfo /", "USER 100:101", 'ENTRYPOINT ["/podinfo"]'],
  );
}

/** Images with Node.js and with Envoy, on `base`; `runtime` is as it is. */
export async function makeBases(base: string, runtime: string, parts: ImageParts): Promise<Bases> {
  const bases = { node: `heddle-base-node:${tagOf(base)}`, envoy: `heddle-base-envoy:${tagOf(base)}`, runtime };
  for (const program of ["node", "envoy"] as const) {
    // An unchanged program is found by Docker's own cache.
    await buildImageFrom(
      bases[program],
      [parts[program]],
      [
        `FROM ${base}`,
        "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        `COPY ${program} /usr/local/bin/`,
      ],
    );
  }
  return bases;
}

const tagOf = (image: string): string => image.slice(image.lastIndexOf(":") + 1);
