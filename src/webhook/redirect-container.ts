import { containers, ports, proxyUser } from "../model/sidecar.ts";
import type { AdmissionContainer } from "./pod.ts";
import type { SidecarSettings } from "./settings.ts";

/**
 * The init container that redirects the pod's TCP connections to the sidecar. It needs root and two capabilities over
 * the pod's own network namespace (NET_RAW for the legacy variant of iptables), which the `baseline` and `restricted`
 * Pod Security Standards do not allow.
 */
export function redirectContainer(settings: SidecarSettings): AdmissionContainer {
  const { exclusions } = settings;
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
      ...option(
        "--exclude-inbound-ports",
        [ports.status, exclusions.inboundPorts].filter((part) => part !== "").join(),
      ),
      ...option("--exclude-inbound-cidrs", exclusions.inboundCIDRs),
      ...option("--exclude-outbound-ports", exclusions.outboundPorts),
      ...option("--exclude-outbound-cidrs", exclusions.outboundCIDRs),
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

const option = (name: string, value: string): readonly string[] => (value === "" ? [] : [name, value]);
