import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { build, type Plugin } from "esbuild";

const root = resolve(import.meta.dirname, "..");

/** A text that takes the place of another in a source, for a build that is to differ from the sources. */
export interface Replacement {
  /** Path in the repository. */
  readonly file: string;
  /** Must be there. */
  readonly from: string;
  readonly to: string;
}

/** Bundles the operator into one file, which is what production runs: `node heddle.mjs`. Production replaces nothing. */
export async function bundleOperator(outfile: string, replacements: readonly Replacement[] = []): Promise<void> {
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
    plugins: replacements.length > 0 ? [replacing(replacements)] : [],
    // CommonJS dependencies call require() for Node's built-in modules.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
}

function replacing(replacements: readonly Replacement[]): Plugin {
  const contents = new Map<string, string>();
  for (const { file, from, to } of replacements) {
    const path = resolve(root, file);
    const text = contents.get(path) ?? readFileSync(path, "utf8");
    if (!text.includes(from)) throw new Error(`${file} does not have \`${from}\`, which a build is to replace`);
    contents.set(
      path,
      text.replace(from, () => to),
    );
  }
  return {
    name: "replacing",
    setup: ({ onLoad }) =>
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const text = contents.get(path);
        return text === undefined ? undefined : { contents: text, loader: "ts" };
      }),
  };
}
