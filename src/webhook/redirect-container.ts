import { containers, ports, proxyUser } from "../model/sidecar.ts";
import type { AdmissionContainer } from "./pod.ts";
import type { InjectionSettings } from "./settings.ts";

/**
 * The init container that redirects the pod's TCP connections to the sidecar. It needs root and two capabilities over
 * the pod's own network namespace (NET_RAW for the legacy variant of iptables), which the `baseline` and `restricted`
 * Pod Security Standards do not allow.
 */
export function redirectContainer(settings: InjectionSettings): AdmissionContainer {
  return {
    name: containers.redirect,
    image: settings.proxyImage,
    command: ["heddle-redirect"],
    args: [
      "--inbound-port",
      String(ports.inbound),
      "--outbound-port",
      String(ports.outbound),
      "--proxy-uid",
      String(proxyUser),
      "--exclude-inbound-ports",
      String(ports.status),
    ],
    resources: settings.redirectResources,
    securityContext: {
      runAsUser: 0,
      runAsGroup: 0,
      runAsNonRoot: false,
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { add: ["NET_ADMIN", "NET_RAW"], drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
  };
}
