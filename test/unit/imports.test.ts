import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const source = resolve(import.meta.dirname, "../../src");

/** Which rooms a room may import, besides itself. `docs/architecture.md` draws the same picture. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  api: [],
  model: ["api"],
  policy: ["api", "model"],
  envoy: ["api", "model"],
  reconcilers: ["api", "model", "policy", "envoy"],
  ops: ["api", "model"],
  kube: ["ops", "api", "model"],
  identity: ["ops", "api", "model"],
  controllers: ["ops", "kube", "identity", "api", "model", "policy", "envoy", "reconcilers"],
  xds: ["ops", "identity", "api", "model", "envoy"],
  // It runs in a thread of its own, which is small as long as it loads nothing else.
  webhook: ["ops", "api", "model"],
  cli: ["ops", "kube", "identity", "api", "model", "policy", "envoy", "reconcilers"],
};

const pure = new Set(["api", "model", "policy", "envoy", "reconcilers"]);

interface Import {
  readonly file: string;
  readonly room: string;
  readonly target: string;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return entry.name === "generated" ? [] : sourceFiles(join(folder, entry.name));
    return entry.name.endsWith(".ts") ? [join(folder, entry.name)] : [];
  });
}

const files = sourceFiles(source);
const imports: readonly Import[] = files.flatMap((file) => {
  const room = relative(source, file).split("/")[0] ?? "";
  const text = withoutComments(readFileSync(file, "utf8"));
  return [
    ...text.matchAll(/^(?:import|export)\b[^;]*?from\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"/gm),
  ].map((match) => ({
    file: relative(source, file),
    room,
    target: match[1] ?? match[2] ?? match[3] ?? "",
  }));
});

const roomOf = ({ file, target }: Import): string =>
  relative(source, resolve(source, dirname(file), target)).split("/")[0] ?? "";

describe("imports", () => {
  test("the walk sees the tree", () => {
    expect(files.length).toBeGreaterThan(40);
    expect(imports.length).toBeGreaterThan(files.length);
  });

  test("arrows between rooms point left only", () => {
    const wrong = imports
      .filter(({ room, target }) => target.startsWith(".") && room in allowed)
      .filter((entry) => roomOf(entry) !== entry.room && !allowed[entry.room]?.includes(roomOf(entry)));
    expect(wrong).toEqual([]);
  });

  test("no file imports itself by way of others, types included", () => {
    const targets = new Map<string, readonly string[]>();
    for (const { file, target } of imports) {
      if (!target.startsWith(".")) continue;
      const path = relative(source, resolve(source, dirname(file), target));
      targets.set(file, [...(targets.get(file) ?? []), path]);
    }
    const circles: string[] = [];
    const done = new Set<string>();
    const walk = (file: string, way: readonly string[]): void => {
      if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file].join(" -> "));
      if (way.includes(file) || done.has(file)) return;
      for (const target of targets.get(file) ?? []) walk(target, [...way, file]);
      done.add(file);
    };
    for (const file of targets.keys()) walk(file, []);
    expect(circles).toEqual([]);
  });

  test("every folder is a room that the table knows", () => {
    const rooms = new Set(
      files
        .map((file) => relative(source, file))
        .filter((file) => file.includes("/"))
        .map((file) => file.split("/")[0]),
    );
    expect([...rooms].filter((room) => !(room !== undefined && room in allowed))).toEqual([]);
  });

  test("pure rooms import no Node built-in but node:crypto, and neither clock nor environment", () => {
    const builtins = imports.filter(
      ({ room, target }) => pure.has(room) && target.startsWith("node:") && target !== "node:crypto",
    );
    expect(builtins).toEqual([]);
    const impure = files
      .filter((file) => pure.has(relative(source, file).split("/")[0] ?? ""))
      .filter((file) =>
        /\b(Date\.now|new Date\(\)|performance\.|process\.|Math\.random|console\.|await )/.test(
          withoutComments(readFileSync(file, "utf8")),
        ),
      );
    expect(impure).toEqual([]);
  });

  test("only kube imports the client library", () => {
    expect(imports.filter(({ room, target }) => target.startsWith("@kubernetes/") && room !== "kube")).toEqual([]);
  });

  test("no regular expression is made from a text", () => {
    // As a type only; and these methods make one of a string.
    const made = /(?<!: )\bRegExp\b|\.(?:match|matchAll|search)\((?!\/)/;
    expect("new RegExp(text)").toMatch(made);
    expect("text.match(pattern)").toMatch(made);
    expect("function take(pattern: RegExp): RegExpExecArray").not.toMatch(made);
    const wrong = files.filter((file) => made.test(withoutComments(readFileSync(file, "utf8"))));
    expect(wrong).toEqual([]);
  });

  test("no file is above 400 lines", () => {
    const long = files
      .map((file) => [relative(source, file), readFileSync(file, "utf8").split("\n").length] as const)
      .filter(([, lines]) => lines > 401);
    expect(long).toEqual([]);
  });
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
}
