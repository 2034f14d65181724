import { binary } from "./binaries.ts";
import { type CommandResult, collect } from "./processes.ts";

/** Runs Helm; does not fail by its exit code. */
export async function helm(
  args: readonly string[],
  options: { readonly values?: object | undefined; readonly kubeconfig?: string } = {},
): Promise<CommandResult> {
  const { values, kubeconfig } = options;
  const environment = { ...process.env, ...(kubeconfig === undefined ? {} : { KUBECONFIG: kubeconfig }) };
  const program = await binary("helm");
  if (values === undefined) return collect(program, args, { environment });
  return collect(program, [...args, "--values", "-"], { environment, input: JSON.stringify(values) });
}
