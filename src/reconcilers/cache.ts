import type { MeshSettings } from "../model/snapshot.ts";
import type { Passes } from "./passes.ts";

/**
 * What one compile leaves to the next: tables that follow what changed (`derivation.ts`). A compile with a cache and one
 * without have equal results. Made by {@link createCompileCache}; belongs to one loop.
 */
export interface CompileCache {
  /** What it is good for, and what it holds; undefined as long as there is nothing to go on from. */
  held: { readonly given: MeshSettings; readonly trustDomain: string; readonly passes: Passes } | undefined;
}

/** An empty cache. */
export const createCompileCache = (): CompileCache => ({ held: undefined });
