/** Bundles the operator into one file, which is what production runs: `node dist/heddle.mjs`. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { build } from "esbuild";

const root = resolve(import.meta.dirname, "..");
const outfile = resolve(root, "dist/heddle.mjs");

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
console.log(`dist/heddle.mjs: ${(statSync(outfile).size / 1024 / 1024).toFixed(1)} MiB`);
