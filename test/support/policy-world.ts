/** Workloads of one namespace that differ in their policies, compiled as in a cluster: by the reconcilers, from objects. */
import type { AuthorizationPolicySpec } from "../../src/api/generated/AuthorizationPolicy.ts";
import type { TLSMode, WorkloadClass } from "../../src/model/mesh.ts";
import type { MeshSettings } from "../../src/model/snapshot.ts";
import type { Compilation } from "../../src/reconcilers/compile.ts";
import { compile } from "../../src/reconcilers/compile.ts";
import type { GivenObject } from "./objects.ts";
import { authorizationPolicy, clusterOf, meshTLS, namespace, pod, service, testSettings } from "./objects.ts";
import { applicationPorts } from "./policy-arbitraries.ts";

/** A policy of a workload. */
export interface GivenPolicy {
  /** `namespace/name`, of the workload's namespace or the root namespace. */
  readonly key: string;
  /** Without selector and targetRefs. */
  readonly spec: AuthorizationPolicySpec;
  /** By which of the two the workload is meant; by its labels unless told otherwise. */
  readonly by?: "selector" | "targetRefs";
}

/** A workload, and what is said of it. */
export interface GivenWorkload {
  readonly name: string;
  readonly address: string;
  readonly policies: readonly GivenPolicy[];
  /** Absent: there is no MeshTLS for it. */
  readonly mode?: TLSMode;
}

const { http, http2, tcp, serverFirst } = applicationPorts;
/** The namespace of all workloads. */
export const workloadNamespace = "shop";

/** The objects of a workload, all of them valid. */
export function objectsOf({ name, address, policies, mode }: GivenWorkload): readonly GivenObject[] {
  const labels = { app: name };
  return [
    pod(`${workloadNamespace}/${name}`, {
      labels,
      serviceAccount: "checkout",
      addresses: [address],
      ports: Object.entries(applicationPorts).map(([port, containerPort]) => ({
        name: port.toLowerCase(),
        containerPort,
      })),
    }),
    service(`${workloadNamespace}/${name}`, {
      selector: labels,
      addresses: [address.replace(/^10\.1\./, "10.96.")],
      ports: [
        { name: "http", port: 80, targetPort: http },
        { name: "h2", port: 81, targetPort: http2, appProtocol: "kubernetes.io/h2c" },
        { name: "tcp", port: 82, targetPort: tcp },
        { name: "db", port: 83, targetPort: serverFirst, appProtocol: "mysql" },
      ],
    }),
    ...(mode === undefined
      ? []
      : [meshTLS(`${workloadNamespace}/${name}`, { selector: { matchLabels: labels }, mode })]),
    ...policies.map(({ key, spec, by }) =>
      authorizationPolicy(key, {
        ...(by === "targetRefs" ? { targetRefs: [{ kind: "Service", name }] } : { selector: { matchLabels: labels } }),
        ...spec,
      }),
    ),
  ];
}

/** Compiles the workloads, and finds the class of each by its name. */
export function compileWorkloads(
  workloads: readonly GivenWorkload[],
  more: readonly GivenObject[] = [],
  settings: MeshSettings = testSettings,
): { readonly compilation: Compilation; readonly classOf: (name: string) => WorkloadClass } {
  const compilation = compile(
    clusterOf([namespace(workloadNamespace), ...workloads.flatMap(objectsOf), ...more]),
    settings,
  );
  return {
    compilation,
    classOf: (name) => {
      const found = compilation.mesh.classes.get(compilation.mesh.classOfPod.get(`${workloadNamespace}/${name}`) ?? "");
      if (found === undefined) throw new Error(`there is no workload ${name}`);
      return found;
    },
  };
}
