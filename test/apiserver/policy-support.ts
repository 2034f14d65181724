/** The admission policies that are shipped, for tests that have an API server keep them. */
import type { Kind } from "../../src/api/kinds.ts";
import type { KubeClient } from "../../src/kube/client.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { shippedObjects } from "../support/manifests.ts";

const policyKind = (kind: string, plural: string): Kind => {
  return { apiVersion: "admissionregistration.k8s.io/v1", kind, plural, namespaced: false };
};
/** Kinds of admission policies, by name. */
export const policyKinds: ReadonlyMap<string, Kind> = new Map([
  ["ValidatingAdmissionPolicy", policyKind("ValidatingAdmissionPolicy", "validatingadmissionpolicies")],
  [
    "ValidatingAdmissionPolicyBinding",
    policyKind("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
  ],
]);

/** Creates the admission policies as they are shipped, and their bindings. The API server keeps them within seconds. */
export async function createPolicies(client: KubeClient): Promise<void> {
  for (const object of shippedObjects()) {
    const kind = policyKinds.get(object.kind);
    if (kind !== undefined) await client.create(kind, object as ObjectToWrite);
  }
}
