/** Objects that only the operator may write, and such as are everybody's. */
import { keys, manager } from "../../src/model/sidecar.ts";

/** An object as kubectl is told of it. */
export type Target = readonly [kind: string, name: string, ...namespace: string[]];

/** The label of what the operator writes. */
export const ours = { [keys.managedBy]: manager };
export const configMap = (name: string, labels: object = {}, namespace = "shop") => ({
  ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace, labels }, data: { key: "value" } },
});
export const secret = (name: string, labels: object = {}, namespace = "shop") => ({
  ...{ apiVersion: "v1", kind: "Secret", metadata: { name, namespace, labels }, stringData: { key: "value" } },
});
export const certificate = (name: string, labels: object = {}) => ({
  apiVersion: "cert-manager.io/v1",
  kind: "Certificate",
  metadata: { name, namespace: "shop", labels },
  spec: {
    secretName: name,
    secretTemplate: { labels: ours },
    uris: ["spiffe://cluster.local/ns/shop/sa/cart"],
    issuerRef: { name: "mesh", kind: "ClusterIssuer" },
  },
});
/** Somebody's own. */
export const mine = {
  ...certificate("cart"),
  spec: { secretName: "cart", dnsNames: ["cart.example.com"], issuerRef: { name: "mesh", kind: "ClusterIssuer" } },
};
export const record: Target = ["configmap", "heddle-cart-0123456789", "-n", "shop"];
export const identity: Target = ["secret", "heddle-identity-cart", "-n", "shop"];
export const authority: Target = ["secret", "heddle-ca", "-n", "heddle-system"];
export const asked: Target = ["certificates.cert-manager.io", "heddle-identity-cart", "-n", "shop"];
