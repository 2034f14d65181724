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
}

/**
 * An object that is to exist, before it is put into words: there are thousands, their texts are large, and few are needed
 * at a time.
 */
export interface DesiredRecord extends Omit<DesiredObject, "data"> {
  /** What the text of each file is of: what is of the same has the same text. */
  readonly files: Readonly<Record<string, string>>;
  /** Files that cannot be recorded as they should be. What there is of them in the cluster stays. */
  readonly keeps?: readonly string[];
  /** Puts it into words: with its texts, and the annotation that is their hash. */
  object(): DesiredObject;
}
