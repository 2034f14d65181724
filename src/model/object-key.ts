/** `namespace/name` of a namespaced object, or `name` of a cluster-scoped one. Neither part can contain a slash. */
export type ObjectKey = string;

/** The key of an object. */
export function objectKey(object: {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}): ObjectKey {
  const { name, namespace } = object.metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
}
