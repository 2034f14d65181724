/** `make build`: dist/heddle.mjs. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { bundleOperator } from "./bundle.ts";

const outfile = resolve(import.meta.dirname, "../dist/heddle.mjs");
await bundleOperator(outfile);
console.log(`dist/heddle.mjs: ${(statSync(outfile).size / 1024 / 1024).toFixed(1)} MiB`);
