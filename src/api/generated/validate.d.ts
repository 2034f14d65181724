// Generated from crds/ by tools/generate.ts. Do not edit.
import type { AuthorizationPolicy } from "./AuthorizationPolicy.ts";
import type { MeshTLS } from "./MeshTLS.ts";
import type { TrafficSplit } from "./TrafficSplit.ts";

/** An error of ajv. */
export interface SchemaError {
  /** JSON pointer (RFC 6901) to the value at fault. */
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
}

/** A compiled schema. */
export interface Validator<T> {
  (value: unknown): value is T;
  /** Of the last call; null when it found none. */
  readonly errors?: readonly SchemaError[] | null;
}

/** Whether the value has the shape of a AuthorizationPolicy's schema, CEL rules left out; `errors` says what it has not. */
export declare const authorizationPolicy: Validator<AuthorizationPolicy>;

/** Whether the value has the shape of a MeshTLS's schema, CEL rules left out; `errors` says what it has not. */
export declare const meshTLS: Validator<MeshTLS>;

/** Whether the value has the shape of a TrafficSplit's schema, CEL rules left out; `errors` says what it has not. */
export declare const trafficSplit: Validator<TrafficSplit>;
