/** How the API server's paths are written, and how people read of what was asked. */
import type { Kind } from "../api/kinds.ts";
import { ApiError } from "./error.ts";

/** An object, or all of a namespace (no name), or all of them (neither). */
interface Target {
  readonly name?: string | undefined;
  readonly namespace?: string | undefined;
}

/** The kind and the name for messages, such as `Pod shop/cart` or `Pod in shop`. */
export function describe(kind: Kind, target: Target): string {
  const { name, namespace } = target;
  if (name !== undefined) return `${kind.kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
  return namespace === undefined ? kind.kind : `${kind.kind} in ${namespace}`;
}

/**
 * The path with its query, percent-encoded.
 *
 * @param subresource empty, or with its slash, such as `/status`
 * @throws ApiError when a namespaced object comes without its namespace, or a name is none: a path would mean another object
 */
export function pathOf(
  kind: Kind,
  target: Target,
  subresource = "",
  query: Readonly<Record<string, string>> = {},
): string {
  const { name, namespace } = target;
  const wrong =
    (name !== undefined && kind.namespaced && !namespace && "has no namespace") ||
    (namespace !== undefined && !kind.namespaced && "has a namespace, and its kind is cluster-scoped") ||
    ([name, namespace].some((part) => part === "" || part === "." || part === "..") && "has an impossible name");
  if (wrong) {
    const object = describe(kind, target);
    throw new ApiError({ status: 0, reason: "Invalid", message: `${object} ${wrong}`, object, class: "terminal" });
  }
  const root = kind.apiVersion.includes("/") ? `/apis/${kind.apiVersion}` : `/api/${kind.apiVersion}`;
  const scope = namespace === undefined ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  const item = name === undefined ? "" : `/${encodeURIComponent(name)}${subresource}`;
  const search = new URLSearchParams(query).toString();
  return `${root}${scope}/${kind.plural}${item}${search === "" ? "" : `?${search}`}`;
}

/** The selectors of a selection as query parameters. */
export function selectors(selection: {
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}): Record<string, string> {
  const { labelSelector, fieldSelector } = selection;
  return {
    ...(labelSelector ? { labelSelector } : {}),
    ...(fieldSelector ? { fieldSelector } : {}),
  };
}
