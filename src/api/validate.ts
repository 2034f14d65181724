/**
 * Whether an object has the shape that its CRD demands: for objects that the API server has stored under an older schema,
 * and for files that no API server has seen. What CEL checks is not checked here.
 */
import { authorizationPolicy, meshTLS, type SchemaError, trafficSplit, type Validator } from "./generated/validate.js";

/** What is wrong with a field, and what to do. */
export interface SchemaProblem {
  /** Path of the field, such as `spec.backends[1].weight`; empty for the object itself. */
  readonly field: string;
  /** For people; follows the path, as in `spec.service: is missing; give it`. */
  readonly message: string;
}

/** The first thing that a TrafficSplit's schema refuses; undefined when there is none. */
export const validateTrafficSplit = (value: unknown): SchemaProblem | undefined => problemOf(trafficSplit, value);

/** The first thing that an AuthorizationPolicy's schema refuses; undefined when there is none. */
export const validateAuthorizationPolicy = (value: unknown): SchemaProblem | undefined =>
  problemOf(authorizationPolicy, value);

/** The first thing that a MeshTLS's schema refuses; undefined when there is none. */
export const validateMeshTLS = (value: unknown): SchemaProblem | undefined => problemOf(meshTLS, value);

function problemOf<T>(validator: Validator<T>, value: unknown): SchemaProblem | undefined {
  if (validator(value)) return undefined;
  const error = validator.errors?.[0];
  if (error === undefined) return { field: "", message: "is not valid" };
  const path = pathOf(error.instancePath, value);
  return { field: path, message: messageOf(error) };
}

/** A JSON pointer (RFC 6901) in the words of kubectl: `/spec/backends/1` is `spec.backends[1]`. */
function pathOf(pointer: string, root: unknown): string {
  let path = "";
  let value = root;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (Array.isArray(value)) path += `[${key}]`;
    else if (/^[A-Za-z0-9]+$/.test(key)) path += path === "" ? key : `.${key}`;
    else path += `[${JSON.stringify(key)}]`;
    value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
  }
  return path;
}

/** What to do about an error, by the keyword of JSON Schema that found it. */
function messageOf({ keyword, params, message }: SchemaError): string {
  const limit = String(params["limit"]);
  switch (keyword) {
    case "required":
      return `lacks ${String(params["missingProperty"])}; add it`;
    case "type":
      return `must be ${typeNames(params["type"])}`;
    case "enum":
      return `must be one of ${Array.isArray(params["allowedValues"]) ? params["allowedValues"].join(", ") : "its values"}`;
    case "additionalProperties":
      return `has no field ${String(params["additionalProperty"])}; remove it or correct its name`;
    case "minimum":
      return `must be at least ${limit}`;
    case "maximum":
      return `must be at most ${limit}`;
    case "minLength":
      return "must not be empty";
    case "maxLength":
      return `must have at most ${limit} characters`;
    case "minItems":
      return "must not be an empty list; fill it or leave it out";
    case "maxItems":
      return `must have at most ${limit} items`;
    case "minProperties":
      return "must not be empty; fill it or leave it out";
    case "maxProperties":
      return `must have at most ${limit} entries`;
    case "uniqueItems":
      return `must not have the same value twice (items ${String(params["i"])} and ${String(params["j"])})`;
    case "pattern":
      return `has a character or a form that it must not have: it must fit ${String(params["pattern"])}`;
    default:
      return message ?? "is not valid";
  }
}

const nouns: ReadonlyMap<unknown, string> = new Map([
  ["array", "a list"],
  ["boolean", "true or false"],
  ["integer", "a whole number"],
  ["object", "an object"],
  ["string", "a string"],
]);

function typeNames(type: unknown): string {
  const types: readonly unknown[] = Array.isArray(type) ? type : String(type).split(",");
  return types.map((name) => nouns.get(name) ?? String(name)).join(" or ");
}
