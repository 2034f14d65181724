/** How long a sidecar lets connections of a filter chain, or a listener, live that was replaced. */
import type { Container } from "../api/kubernetes.ts";
import { containers } from "./sidecar.ts";

/** The flag of Envoy that says so, in seconds. */
export const drainFlag = "--drain-time-s";

/** What it is unless the operator's settings or an annotation of the pod say otherwise. */
const defaultDrainSeconds = 30;

/** The flag and its value among the arguments of a container; empty where it has none. */
export function drainArguments(args: readonly string[] = []): readonly string[] {
  const at = args.indexOf(drainFlag);
  return at < 0 ? [] : args.slice(at, at + 2);
}

/** What the sidecar of a pod runs with, in seconds: of a pod that was admitted, nobody can change it. */
export function drainSecondsOf(initContainers: readonly Container[] | undefined): number {
  const proxy = initContainers?.find(({ name }) => name === containers.proxy);
  const [, value = ""] = drainArguments(proxy?.args);
  return /^\d{1,6}$/.test(value) ? Number(value) : defaultDrainSeconds;
}
