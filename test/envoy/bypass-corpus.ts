/**
 * Ways in which policies of proxies and meshes have been bypassed, by the classes of public advisories, each as requests and
 * connections with the verdict that they must get. `bypass.test.ts` sends them to a real sidecar, byte for byte.
 */
import { callerClasses } from "./bypass-callers.ts";
import type { BypassClass } from "./bypass-class.ts";
import { requestClasses } from "./bypass-requests.ts";

/** All that are data. */
export const bypassClasses: readonly BypassClass[] = [...requestClasses, ...callerClasses];

/** Classes that are about handshakes: `bypass-scenario.ts` has their attempts, which are no data. */
export const handshakeClasses = {
  names: "C4 certificates whose names look like another's (CVE-2025-66220, CVE-2026-47778)",
  resumption: "C5 sessions of TLS that outlive a change of trust (CVE-2022-21654, CVE-2025-68121)",
} as const;
