import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type BuildOptions, build, type Plugin } from "esbuild";

const root = resolve(import.meta.dirname, "..");

/** A text that takes the place of another in a source, for a build that is to differ from the sources. */
export interface Replacement {
  /** Path in the repository. */
  readonly file: string;
  /** Must be there. */
  readonly from: string;
  readonly to: string;
}

const common = {
  bundle: true,
  platform: "node",
  target: "node24",
  minifySyntax: true,
  // Without comments all of it is ASCII, which takes half the memory; lines that a stack trace can name stay.
  minifyWhitespace: true,
  lineLimit: 160,
  legalComments: "none",
  logLevel: "warning",
} as const satisfies BuildOptions;

/**
 * Bundles the operator into one file, which is what production runs: `node heddle.mjs`. The program of its second thread is
 * in it as a text. Production replaces nothing else.
 */
export async function bundleOperator(outfile: string, replacements: readonly Replacement[] = []): Promise<void> {
  const thread = await build({
    ...common,
    entryPoints: [resolve(root, "src/webhook/main.ts")],
    write: false,
    format: "cjs",
    plugins: [replacing(replacements)],
  });
  const program = {
    file: "src/webhook/program.ts",
    from: 'new URL("./main.ts", import.meta.url)',
    to: JSON.stringify(thread.outputFiles[0]?.text),
  };
  await build({
    ...common,
    entryPoints: [resolve(root, "src/main.ts")],
    outfile,
    format: "esm",
    plugins: [replacing([...replacements, program])],
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
