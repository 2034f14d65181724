/**
 * What may be worked out from what the watches have seen.
 *
 *   every kind was listed once -----------------------------------> everything
 *   pods, Secrets, and MeshTLS unless that cannot be listed ------> who needs an identity: with it, admission works
 *   less ---------------------------------------------------------> nothing
 *
 * Nothing is compiled without one of our kinds: without policies access would come out wider, without splits traffic
 * would go elsewhere. A kind that was listed and then goes is another case: its objects stay as they were seen last.
 */
import { type KindName, kinds } from "../api/kinds.ts";
import type { KubernetesObject } from "../api/kubernetes.ts";
import type { Observations } from "./observations.ts";
import { watches } from "./watches.ts";
import type { WriterOptions } from "./writer.ts";

/** See the picture above. */
export type Knowledge = "everything" | "identities" | "nothing";

/** The part of the watches that is asked. */
export type Seen = Pick<Observations, "synced" | "isSynced" | "stateOf">;

/** What the watches allow now. */
export function knowledgeOf(seen: Seen): Knowledge {
  if (seen.synced) return "everything";
  const isTried = !["stopped", "listing"].includes(seen.stateOf("MeshTLS"));
  const isSettled = seen.isSynced("MeshTLS") || isTried;
  return isSettled && seen.isSynced("Pod") && seen.isSynced("Secret") ? "identities" : "nothing";
}

/** Tells people of kinds of ours whose definition is missing or being deleted. */
export interface MissingKinds {
  /** A watch is doing better or worse, or this replica has begun to lead. */
  look(): void;
}

/** See {@link MissingKinds}. Events are the leader's to write. */
export function createMissingKinds(
  options: Pick<WriterOptions, "isLeader" | "logger" | "record"> & { readonly seen: Seen },
): MissingKinds {
  const { seen, logger } = options;
  const custom = watches.filter((watch) => watch.custom === true && watch.onDemand !== true).map(({ kind }) => kind);
  let wasComplete = false;
  const said = new Map<KindName, string>();
  return {
    look: () => {
      if (seen.synced && !wasComplete) {
        wasComplete = true;
        logger.info({}, "every kind is listed");
      }
      for (const kind of custom) {
        if (seen.stateOf(kind) !== "waiting") {
          said.delete(kind);
          continue;
        }
        const note = seen.isSynced(kind) ? whileRunning : fromTheStart;
        const definition = definitionOf(kind);
        if (said.get(kind) !== note) logger.warn({ definition: definition.metadata.name }, note);
        said.set(kind, note);
        if (options.isLeader())
          options.record(definition, { type: "Warning", reason: "KindMissing", action: "Wait", note });
      }
    },
  };
}

const fromTheStart =
  "This definition is missing or being deleted, so that nobody knows what its objects say. Until it is back the operator " +
  "compiles and publishes nothing: sidecars keep what they have. Pods are admitted and identities are issued. Install it again.";
const whileRunning =
  "This definition is missing or being deleted. Its objects stay in force as they were seen last, for as long as the " +
  "operator runs. Once it is back, what exists counts. Install it again, with its objects.";

function definitionOf(kind: KindName): KubernetesObject {
  const { apiVersion, plural } = kinds[kind];
  const name = `${plural}.${apiVersion.split("/")[0]}`;
  const { CustomResourceDefinition: definition } = kinds;
  return { apiVersion: definition.apiVersion, kind: definition.kind, metadata: { name } };
}
