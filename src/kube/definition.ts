/**
 * Whether a custom kind is about to go. Deleting a CustomResourceDefinition deletes all its objects first: to a watch that
 * looks as if a user had deleted each of them, and a policy that a user deletes must stop to act, while one that goes with
 * its definition must not.
 */
import { type Kind, kinds } from "../api/kinds.ts";
import type { KubeClient } from "./client.ts";
import { isApiError } from "./error.ts";

/**
 * Whether the definition of a custom kind is being deleted, or is gone. Reads the definition, and the answer is that of
 * now: needs `get` on `customresourcedefinitions` by the name `<plural>.<group>`.
 *
 * @throws ApiError when that cannot be told
 */
export async function isKindLeaving(
  client: Pick<KubeClient, "get">,
  kind: Kind,
  signal?: AbortSignal,
): Promise<boolean> {
  const group = kind.apiVersion.split("/")[0] ?? "";
  try {
    const definition = await client.get(
      kinds.CustomResourceDefinition,
      { name: `${kind.plural}.${group}` },
      signal === undefined ? {} : { signal },
    );
    return definition.metadata.deletionTimestamp !== undefined;
  } catch (error) {
    if (isApiError(error, "notFound")) return true;
    throw error;
  }
}
