/** Requests as somebody makes them, of which nothing is stored: hundreds, so that they are made without kubectl. */
import { Agent, request } from "node:https";
import { kinds } from "../../src/api/kinds.ts";
import type { KubernetesObject } from "../../src/api/kubernetes.ts";
import { pathOf } from "../../src/kube/path.ts";
import type { ControlPlane } from "../../tools/control-plane.ts";
import type { Target } from "./admission-owned-objects.ts";

/** Each gives "taken", or what the API server says. */
export interface Tries {
  create(user: string, object: object): Promise<string>;
  replace(user: string, object: object): Promise<string>;
  /** By a JSON merge patch (RFC 7386). */
  patch(user: string, target: Target, patch: object): Promise<string>;
  delete(user: string, target: Target): Promise<string>;
}

/** Requests to this API server, by impersonation. */
export function createTries({ url, authority, adminToken }: ControlPlane): Tries {
  const agent = new Agent({ keepAlive: true, ca: authority });
  const ask = (user: string, method: string, path: string, body?: object): Promise<string> =>
    new Promise((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${adminToken}`,
        "impersonate-user": user,
        "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json",
      };
      const outgoing = request(`${url}${path}`, { method, agent, headers }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        response.on("error", reject);
        response.on("end", () => {
          const { statusCode = 0 } = response;
          resolve(statusCode < 300 ? "taken" : (JSON.parse(text) as { message: string }).message);
        });
      });
      outgoing.on("error", reject);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  const dryRun = { dryRun: "All" };
  const pathTo = ([word, name, , namespace]: Target): string => {
    const [of] = word.split(".");
    const kind = Object.values(kinds).find(({ plural }) => plural === of || plural === `${of}s`);
    if (kind === undefined) throw new Error(`${word} is no kind`);
    return pathOf(kind, { name, namespace }, "", dryRun);
  };
  const kindOf = (object: object) => {
    const { kind, metadata } = object as KubernetesObject & { readonly kind: keyof typeof kinds };
    return { kind: kinds[kind], metadata };
  };
  return {
    create: (user, object) => {
      const { kind, metadata } = kindOf(object);
      return ask(user, "POST", pathOf(kind, { namespace: metadata.namespace }, "", dryRun), object);
    },
    replace: (user, object) => {
      const { kind, metadata } = kindOf(object);
      return ask(user, "PUT", pathOf(kind, { name: metadata.name, namespace: metadata.namespace }, "", dryRun), object);
    },
    patch: (user, target, patch) => ask(user, "PATCH", pathTo(target), patch),
    delete: (user, target) => ask(user, "DELETE", pathTo(target)),
  };
}
