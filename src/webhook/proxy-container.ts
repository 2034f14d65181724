import { drainFlag } from "../model/drain.ts";
import type { InjectionRecord } from "../model/injection-record.ts";
import { encodeRecord, recordVariable } from "../model/injection-record.ts";
import { containers, nodeId, paths, ports, proxyUser, volumes } from "../model/sidecar.ts";
import type { AdmissionContainer } from "./pod.ts";
import type { SidecarSettings } from "./settings.ts";

/**
 * Adds the sidecar's own workload to every series: what `--config-yaml` takes, the variables being the container's.
 * Names of namespaces and ServiceAccounts have no character that YAML would read as something else.
 */
export const ownWorkloadTags = JSON.stringify({
  stats_config: {
    stats_tags: [
      { tag_name: "workload_namespace", fixed_value: "$(POD_NAMESPACE)" },
      { tag_name: "workload", fixed_value: "$(POD_SERVICE_ACCOUNT)" },
    ],
  },
});

/**
 * The sidecar: Envoy as PID 1 of a native sidecar (KEP-753), so that it is up before the application's containers start
 * and down after they ended, and so that Jobs complete. It satisfies the `restricted` Pod Security Standard.
 */
export function proxyContainer(settings: SidecarSettings, record: InjectionRecord): AdmissionContainer {
  return {
    name: containers.proxy,
    image: settings.proxyImage,
    restartPolicy: "Always",
    command: ["envoy"],
    args: [
      "-c",
      paths.bootstrap,
      "--config-yaml",
      ownWorkloadTags,
      // The operator looks this pod up, and compares its ServiceAccount and addresses with the caller's.
      "--service-node",
      nodeId("$(POD_NAMESPACE)", "$(POD_NAME)", "$(POD_UID)"),
      "--service-cluster",
      "$(POD_NAMESPACE)/$(POD_SERVICE_ACCOUNT)",
      "--concurrency",
      String(settings.concurrency),
      drainFlag,
      String(settings.drainSeconds),
      // Every connection of a replaced listener is told to close by its next response. The gradual strategy would leave
      // some untold until the drain time is over, and then cut them.
      "--drain-strategy",
      "immediate",
      // Nothing restarts this process hot, and without it Envoy needs neither shared memory nor a socket of its own.
      "--disable-hot-restart",
      "--log-level",
      settings.logLevel,
      // Access logs are to be read within a second rather than ten.
      "--file-flush-interval-msec",
      "1000",
    ],
    env: [
      fromField("POD_NAMESPACE", "metadata.namespace"),
      fromField("POD_NAME", "metadata.name"),
      fromField("POD_UID", "metadata.uid"),
      fromField("POD_SERVICE_ACCOUNT", "spec.serviceAccountName"),
      { name: recordVariable, value: encodeRecord(record) },
    ],
    // Passes once the proxy has acknowledged its first complete configuration, and holds the application back until
    // then. Ten minutes: the operator may be down for a while, and a restart of the sidecar would not bring it back.
    startupProbe: readiness({ periodSeconds: 1, failureThreshold: 600 }),
    readinessProbe: readiness({ periodSeconds: 5, failureThreshold: 3 }),
    // Envoy ends at once on SIGTERM: callers that do not yet know of the termination are still served.
    lifecycle: { preStop: { sleep: { seconds: settings.preStopSeconds } } },
    resources: settings.proxyResources,
    securityContext: {
      runAsUser: proxyUser,
      runAsGroup: proxyUser,
      runAsNonRoot: true,
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
    volumeMounts: [
      { name: volumes.configuration, mountPath: paths.configuration, readOnly: true },
      { name: volumes.identity, mountPath: paths.identity, readOnly: true },
    ],
  };
}

function fromField(name: string, fieldPath: string) {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}

function readiness(times: { readonly periodSeconds: number; readonly failureThreshold: number }) {
  return { httpGet: { path: "/ready", port: ports.status }, timeoutSeconds: 3, ...times };
}
