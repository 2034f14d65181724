import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");

function filesIn(path: string): string[] {
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const inner = join(path, entry.name);
    if (entry.isDirectory()) return ["node_modules", "generated"].includes(entry.name) ? [] : filesIn(inner);
    return /\.(md|ts|ya?ml|sh|txt)$/.test(entry.name) ? [inner] : [];
  });
}

const folders = ["docs", "examples", "tools", "src", "crds", "charts", "images", "test/e2e"];
const files = [
  ...["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile"].map((name) => join(root, name)),
  ...folders.flatMap((folder) => filesIn(join(root, folder))),
];

/** A name of our kinds without its group, which other meshes and gateways have too; the names of files do not count. */
const bareName =
  /(?<![\w./-])(?:trafficsplits?|authorizationpolic(?:y|ies)|meshtls(?:es)?)(?!\.heddle\.dev)(?![\w-]|\.(?:ya?ml|md|ts)\b)/;

/** Lines of a text in which kubectl is called with a bare name; a `\` at its end continues a line. */
const wrongLines = (text: string): readonly string[] =>
  text
    .replace(/\\\n/g, "")
    .split("\n")
    .filter((line) => /\bkubectl\b/.test(line) && bareName.test(line.slice(line.search(/\bkubectl\b/))));

test("kubectl is told of our kinds by their full names", () => {
  expect(wrongLines("kubectl get trafficsplits -A")).toHaveLength(1);
  expect(wrongLines("kubectl \\\n  get authorizationpolicies.heddle.dev,meshtls -A")).toHaveLength(1);
  expect(wrongLines('kubectl("delete", "authorizationpolicy", "x")')).toHaveLength(1);
  expect(wrongLines("kubectl apply -f crds/trafficsplits.yaml; kubectl get trafficsplits.heddle.dev/x")).toEqual([]);
  expect(files.length).toBeGreaterThan(100);
  const wrong = files.flatMap((file) =>
    wrongLines(readFileSync(file, "utf8")).map((line) => `${relative(root, file)}: ${line.trim()}`),
  );
  expect(wrong).toEqual([]);
});
