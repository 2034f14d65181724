import { createHash } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cached, store } from "../../tools/binaries/cache.ts";
import { checksumIn, obtain } from "../../tools/binaries/sources.ts";

const program = "#!/bin/sh\necho it runs\n";
const sha256 = createHash("sha256").update(program).digest("hex");
const other = "0".repeat(64);

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "heddle-test-binaries-"));
  return () => rmSync(directory, { recursive: true, force: true });
});

describe("a release", () => {
  const files = new Map([
    ["/program", program],
    ["/program.sha256", `${sha256}\n`],
    ["/wrong.sha256", `${other}\n`],
    ["/empty.sha256", "not found\n"],
  ]);
  let server: Server;
  let url: string;
  beforeAll(async () => {
    server = createServer((request, response) => {
      const body = files.get(request.url ?? "");
      response.writeHead(body === undefined ? 404 : 200).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  const get = (checksum: string): Promise<string> =>
    obtain({ kind: "archive", url: `${url}/program`, checksumUrl: `${url}/${checksum}` }, directory, () => {});

  test("is taken when it is what its checksum says", async () => {
    const path = await get("program.sha256");
    expect(readFileSync(path, "utf8")).toBe(program);
    expect(statSync(path).mode & 0o111).toBe(0o111);
  });

  test("is refused when it is not", async () => {
    await expect(get("wrong.sha256")).rejects.toThrow(`has SHA-256 ${sha256}`);
  });

  test("is refused without a checksum", async () => {
    await expect(get("empty.sha256")).rejects.toThrow("names no SHA-256 of program");
    await expect(get("missing.sha256")).rejects.toThrow("answered 404");
  });
});

test("a checksum is found alone, and in a list on the line of its file only", () => {
  expect(checksumIn(`${sha256}\n`, "a")).toBe(sha256);
  expect(checksumIn(`${other}  dir/b\n${sha256} *dir/a\n`, "a")).toBe(sha256);
  expect(checksumIn(`${other}  not-a\n`, "a")).toBeUndefined();
});

describe("the cache", () => {
  const fill = async (): Promise<string> => {
    const file = join(directory, "new");
    writeFileSync(file, program, { mode: 0o755 });
    return store(directory, "program", file, "a test");
  };

  test("gives what was put there", async () => {
    expect(await cached(directory, "program")).toBeUndefined();
    const path = await fill();
    expect(existsSync(join(directory, "new"))).toBe(false);
    expect(await cached(directory, "program")).toBe(path);
  });

  test("gives a file whose time alone changed, after it was hashed", async () => {
    const path = await fill();
    utimesSync(path, 1, 1);
    expect(await cached(directory, "program")).toBe(path);
  });

  test("does not give a file that changed", async () => {
    appendFileSync(await fill(), "echo something else\n");
    expect(await cached(directory, "program")).toBeUndefined();
  });
});
