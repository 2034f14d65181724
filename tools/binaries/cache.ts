/** The cache of programs outside the tree: a directory by name and version, with the checksum that was seen when it was filled. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** `$HEDDLE_CACHE`, else `~/.cache/heddle`. */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  return environment["HEDDLE_CACHE"] || join(homedir(), ".cache", "heddle");
}

/** What was recorded of a cached file; size and time spare the hashing of 100 MB at each start. */
interface CacheRecord {
  readonly sha256: string;
  readonly size: number;
  readonly modified: number;
  /** Where it came from, in words. */
  readonly source: string;
}

/** The lower-case hexadecimal SHA-256 of a file. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/**
 * The path of a cached program, or `undefined` when it is not there or not what was recorded. A file whose size and
 * time are as recorded is taken as it is; any other is hashed.
 */
export async function cached(directory: string, name: string): Promise<string | undefined> {
  const path = join(directory, name);
  const recordFile = `${path}.json`;
  if (!existsSync(path) || !existsSync(recordFile)) return undefined;
  const record = readRecord(recordFile);
  if (record === undefined) return undefined;
  const { size, mtimeMs } = statSync(path);
  if (size === record.size && mtimeMs === record.modified) return path;
  if ((await sha256OfFile(path)) !== record.sha256) return undefined;
  writeFileSync(recordFile, recordText({ ...record, size, modified: mtimeMs }));
  return path;
}

/** Moves a finished file into the cache under its name, makes it executable by mode, and records it. */
export async function store(directory: string, name: string, file: string, source: string): Promise<string> {
  const path = join(directory, name);
  const sha256 = await sha256OfFile(file);
  renameSync(file, path);
  const { size, mtimeMs } = statSync(path);
  writeFileSync(`${path}.json`, recordText({ sha256, size, modified: mtimeMs, source }));
  return path;
}

function recordText(record: CacheRecord): string {
  return `${JSON.stringify(record, undefined, 2)}\n`;
}

function readRecord(file: string): CacheRecord | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof value !== "object" || value === null) return undefined;
    const { sha256, size, modified, source } = value as Record<string, unknown>;
    if (typeof sha256 !== "string" || typeof size !== "number" || typeof modified !== "number") return undefined;
    return { sha256, size, modified, source: String(source) };
  } catch {
    return undefined;
  }
}

/**
 * Runs `work` while holding the cache's lock, so that two processes do not build the same at once. The lock is the
 * kernel's (flock), so it is gone with its holder, also across process-id namespaces.
 */
export async function withCacheLock<T>(onWait: () => void, work: () => Promise<T>): Promise<T> {
  const directory = cacheDirectory();
  mkdirSync(directory, { recursive: true });
  // `cat` holds the lock until its standard input is closed, which the end of this process does as well.
  const holder = spawn("flock", [join(directory, "lock"), "sh", "-c", "echo locked; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const waiting = setTimeout(onWait, 500);
  try {
    await new Promise<void>((resolve, reject) => {
      holder.once("error", reject);
      holder.once("exit", (code) => reject(new Error(`flock ended with exit code ${code} before the lock was taken`)));
      holder.stdout.once("data", () => resolve());
    });
    clearTimeout(waiting);
    return await work();
  } finally {
    clearTimeout(waiting);
    holder.removeAllListeners("exit");
    holder.stdin.end();
  }
}
