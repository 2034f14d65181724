/** An object that the operator is to write, whole: what is not in it is not set by the operator. */
export interface DesiredObject {
  readonly apiVersion: "v1";
  readonly kind: "ConfigMap";
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly data: Readonly<Record<string, string>>;
  /** Not of the object: files that cannot be recorded as they should be. What there is of them in the cluster stays. */
  readonly keeps?: readonly string[];
}
