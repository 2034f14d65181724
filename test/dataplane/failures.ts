import type { Mesh } from "../../tools/demo/mesh.ts";
import type { Caller } from "./support.ts";
import { callers } from "./support.ts";

/** Why the sidecar of a caller has made no connection for its requests to this host, in Envoy's words, from its access log. */
export async function failuresOf(mesh: Mesh, caller: Caller, authority: string): Promise<string> {
  const [namespace, deployment] = callers[caller];
  const pod = await mesh.podOf(namespace, deployment);
  return mesh.cluster.waitFor(`${pod} to write of a request to ${authority}`, async () => {
    const lines = mesh.cluster.logs(namespace, pod, "heddle-proxy").split("\n");
    const reasons = lines
      .filter((line) => line.startsWith("{") && line.endsWith("}"))
      .map((line) => JSON.parse(line) as Readonly<Record<string, string | null>>)
      .filter((entry) => entry["authority"] === authority)
      .flatMap((entry) => entry["upstream_transport_failure_reason"] ?? []);
    return reasons.length > 0 && [...new Set(reasons)].join();
  });
}
