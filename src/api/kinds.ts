/**
 * The one table of kinds: every kind of object that Heddle watches or writes. Watches, the typed client, the roles that
 * the operator is granted and the tests that compare them all read this table.
 */

/** How the API server addresses a kind. */
export interface Kind {
  /** `group/version`, or `v1` for the core group. */
  readonly apiVersion: string;
  readonly kind: string;
  /** Path segment, such as `trafficsplits`. */
  readonly plural: string;
  readonly namespaced: boolean;
}

/** All kinds, by name. */
export const kinds = {
  TrafficSplit: { apiVersion: "heddle.dev/v1alpha1", kind: "TrafficSplit", plural: "trafficsplits", namespaced: true },
  AuthorizationPolicy: {
    apiVersion: "heddle.dev/v1alpha1",
    kind: "AuthorizationPolicy",
    plural: "authorizationpolicies",
    namespaced: true,
  },
  MeshTLS: { apiVersion: "heddle.dev/v1alpha1", kind: "MeshTLS", plural: "meshtls", namespaced: true },
  Namespace: { apiVersion: "v1", kind: "Namespace", plural: "namespaces", namespaced: false },
  Service: { apiVersion: "v1", kind: "Service", plural: "services", namespaced: true },
  Pod: { apiVersion: "v1", kind: "Pod", plural: "pods", namespaced: true },
  EndpointSlice: {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    plural: "endpointslices",
    namespaced: true,
  },
  ConfigMap: { apiVersion: "v1", kind: "ConfigMap", plural: "configmaps", namespaced: true },
  Secret: { apiVersion: "v1", kind: "Secret", plural: "secrets", namespaced: true },
  Certificate: { apiVersion: "cert-manager.io/v1", kind: "Certificate", plural: "certificates", namespaced: true },
  Event: { apiVersion: "events.k8s.io/v1", kind: "Event", plural: "events", namespaced: true },
  Lease: { apiVersion: "coordination.k8s.io/v1", kind: "Lease", plural: "leases", namespaced: true },
  CustomResourceDefinition: {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    plural: "customresourcedefinitions",
    namespaced: false,
  },
  MutatingWebhookConfiguration: {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    plural: "mutatingwebhookconfigurations",
    namespaced: false,
  },
  ValidatingWebhookConfiguration: {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    plural: "validatingwebhookconfigurations",
    namespaced: false,
  },
} as const satisfies Record<string, Kind>;

/** Name of a kind in {@link kinds}. */
export type KindName = keyof typeof kinds;
