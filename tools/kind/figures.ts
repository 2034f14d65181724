/** What a run of `make e2e` tells of the images and of the operator beside its tests. */
import { run } from "../processes.ts";
import { clusterOf } from "./cluster.ts";

const megabyte = 1_000_000;
/** Bytes that the operator's image must stay below: it is pulled to where it has to start at once. */
const largestOperator = 200 * megabyte;

/** Bytes of an image, as docker says. */
async function sizeOf(image: string): Promise<number> {
  return Number(await run("docker", ["image", "inspect", "--format", "{{.Size}}", image]));
}

/** Rows of the images. @throws Error when the operator's is too large */
export async function imageFigures(operator: string, proxy: string): Promise<readonly string[]> {
  const [size, proxySize] = [await sizeOf(operator), await sizeOf(proxy)];
  const text = (bytes: number): string => `${(bytes / megabyte).toFixed(0)} MB`;
  if (!(size < largestOperator))
    throw new Error(`the image ${operator} has ${text(size)}, and is to stay below ${text(largestOperator)}`);
  return [`image ${operator}: ${text(size)}, below ${text(largestOperator)}`, `image ${proxy}: ${text(proxySize)}`];
}

interface Pod {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastTransitionTime: string;
    }[];
    readonly containerStatuses?: readonly { readonly state: { readonly running?: { readonly startedAt: string } } }[];
  };
}

/** Rows of the operators that run: from the start of the container to Ready. Kubernetes tells both in whole seconds. */
export async function startFigures(kubeconfig: string): Promise<readonly string[]> {
  const cluster = await clusterOf(kubeconfig);
  const selection = ["-n", "heddle-system", "-l", "app.kubernetes.io/component=operator"];
  const { stdout } = await cluster.kubectl(["get", "pods", ...selection, "-o", "json"]);
  const { items } = JSON.parse(stdout) as { readonly items: readonly Pod[] };
  return items.map(({ metadata, status }) => {
    const ready = status.conditions?.find((condition) => condition.type === "Ready" && condition.status === "True");
    const started = status.containerStatuses?.[0]?.state.running?.startedAt;
    const seconds =
      ready === undefined || started === undefined
        ? "not Ready"
        : `${(Date.parse(ready.lastTransitionTime) - Date.parse(started)) / 1000} s`;
    return `operator ${metadata.name}: ${seconds} from start to Ready`;
  });
}
