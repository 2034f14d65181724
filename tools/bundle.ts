import { resolve } from "node:path";
import { build } from "esbuild";

const root = resolve(import.meta.dirname, "..");

/** Bundles the operator into one file, which is what production runs: `node heddle.mjs`. */
export async function bundleOperator(outfile: string): Promise<void> {
  await build({
    entryPoints: [resolve(root, "src/main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    minifySyntax: true,
    legalComments: "none",
    logLevel: "warning",
    // CommonJS dependencies call require() for Node's built-in modules.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
}
