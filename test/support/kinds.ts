/** Kinds that only tests read and write. */
import type { Kind } from "../../src/api/kinds.ts";

export const serviceAccount: Kind = {
  apiVersion: "v1",
  kind: "ServiceAccount",
  plural: "serviceaccounts",
  namespaced: true,
};
