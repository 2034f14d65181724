/** Pods for the tests of injection. */
import { type Injection, injectPod } from "../../../src/webhook/inject.ts";
import type { AdmissionContainer, AdmissionPod, AdmissionPodSpec } from "../../../src/webhook/pod.ts";
import { defaultInjectionSettings } from "../../../src/webhook/settings.ts";

export const settings = defaultInjectionSettings("heddle-proxy:test");
export const shop = { name: "shop", enforced: false, annotations: {} };
/** Where pods may not leave the mesh. */
export const strict = { name: "strict", enforced: true, annotations: {} };

/** A plain pod with parts of its specification replaced. */
export function podWith(
  spec: Partial<AdmissionPodSpec> & Readonly<Record<string, unknown>> = {},
  metadata: AdmissionPod["metadata"] = {},
): AdmissionPod {
  return {
    metadata: { generateName: "cart-5c9-", labels: { app: "cart" }, ...metadata },
    spec: { serviceAccountName: "cart", containers: [app()], ...spec },
  };
}

/** The application's container with fields added. */
export function app(fields: Partial<AdmissionContainer> = {}): AdmissionContainer {
  return { name: "app", image: "cart:1", ports: [{ name: "http", containerPort: 8080 }], ...fields };
}

/** The injected pod. @throws when it is not injected. */
export function inject(pod: AdmissionPod, namespace = shop): AdmissionPod {
  const injection: Injection = injectPod(pod, namespace, settings);
  if (injection.kind !== "injected") throw new Error(JSON.stringify(injection));
  return injection.pod;
}
