import { binary } from "./binaries.ts";
import { type CommandResult, collect } from "./processes.ts";

/** Runs kubectl, with `input` as its standard input; does not fail by its exit code. */
export type Kubectl = (args: readonly string[], input?: string) => Promise<CommandResult>;

/** The kubectl of whoever has a kubeconfig. */
export function kubectlOf(kubeconfig: string): Kubectl {
  return async (args, input) => {
    const environment = { ...process.env, KUBECONFIG: kubeconfig };
    return collect(await binary("kubectl"), args, input === undefined ? { environment } : { environment, input });
  };
}
