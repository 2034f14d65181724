/** What kubectl finds of the chart on a cluster. */
import { type Kubectl, kubectlOf } from "../../tools/kubectl.ts";
import { until } from "../../tools/processes.ts";

/** An object of a release as it is compared: what controllers write into its status is theirs. */
interface Present {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion: string;
    readonly generation?: number;
    readonly managedFields: readonly { readonly manager: string; readonly subresource?: string }[];
  };
}

/** A cluster that the chart may be installed on, as kubectl sees it. */
export interface ChartCluster {
  readonly tryKubectl: Kubectl;
  /** What kubectl prints; fails with its message, as all that follows does. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** The versions of all objects of a rendered chart; of what a controller writes to, only of what is Helm's. */
  versionsOf(rendered: string): Promise<ReadonlyMap<string, string>>;
  /** Objects of every kind that have a label, by `kind/name`. */
  labelled(selector: string): Promise<readonly string[]>;
  /** The caBundle of every webhook of Heddle's. */
  bundles(): Promise<readonly string[]>;
  /** Waits until pods can be created in a new namespace. */
  waitForServiceAccount(name: string): Promise<void>;
}

/** The cluster of a kubeconfig with all rights. */
export function chartClusterOf(kubeconfig: string): ChartCluster {
  const tryKubectl = kubectlOf(kubeconfig);
  const kubectl: ChartCluster["kubectl"] = async (args, input) => {
    const { status, stdout, stderr } = await tryKubectl(args, input);
    if (status !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr}`);
    return stdout;
  };

  return {
    tryKubectl,
    kubectl,
    async versionsOf(rendered) {
      const list = JSON.parse(await kubectl(["get", "--show-managed-fields", "-o", "json", "-f", "-"], rendered)) as {
        readonly items: readonly Present[];
      };
      return new Map(
        list.items.map(({ kind, metadata }) => {
          const { generation, managedFields, resourceVersion } = metadata;
          const written = ["Deployment", "PodDisruptionBudget", "ValidatingAdmissionPolicy"].includes(kind);
          const own = managedFields.filter(({ manager }) => manager === "helm");
          return [`${kind} ${metadata.name}`, written ? JSON.stringify([generation, own]) : resourceVersion];
        }),
      );
    },
    async labelled(selector) {
      const kinds = (await kubectl(["api-resources", "--verbs=list", "-o", "name"])).trim().split("\n");
      const found = await kubectl(["get", kinds.join(","), "-A", "-l", selector, "-o", "name", "--ignore-not-found"]);
      return found.split("\n").filter((line) => line !== "");
    },
    async bundles() {
      const configurations = ["mutatingwebhookconfiguration/heddle", "validatingwebhookconfiguration/heddle"];
      const path = "{range .items[*].webhooks[*]}[{.clientConfig.caBundle}]{end}";
      const text = await kubectl(["get", ...configurations, "-o", `jsonpath=${path}`]);
      return [...text.matchAll(/\[([^\]]*)\]/g)].map(([, bundle = ""]) => bundle);
    },
    async waitForServiceAccount(name) {
      const exists = async () => (await tryKubectl(["get", "sa", "default", "-n", name])).status === 0;
      await until(`the default ServiceAccount of ${name}`, exists, { timeout: 60_000, interval: 500 });
    },
  };
}
