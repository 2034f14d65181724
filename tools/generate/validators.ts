import type { CustomResource } from "./custom-resources.ts";
export function validatorsOf(_resources: readonly CustomResource[]): Map<string, string> { return new Map(); }
