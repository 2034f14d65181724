import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createRoot, openAuthority } from "../../../src/identity/authority.ts";
import { createCertificateFolder, type FolderCertificate } from "../../../src/identity/certificate-folder.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

const name = "heddle.heddle-system.svc";
const hour = 3_600_000;

let directory: string;
let clock: ReturnType<typeof createFakeClock>;
let taken: FolderCertificate[];
let problems: string[];
let folder: ReturnType<typeof createCertificateFolder>;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "heddle-test-certificate-"));
  clock = createFakeClock();
  taken = [];
  problems = [];
  folder = createCertificateFolder({
    directory,
    name,
    clock,
    onCertificate: (certificate) => taken.push(certificate),
    onProblem: (problem) => problems.push(problem),
  });
});

afterEach(() => {
  folder.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function issue(dns = name, life = hour): Promise<FolderCertificate> {
  const validity = { notBefore: clock.now() - 1000, notAfter: clock.now() + life };
  const root = await createRoot("corporate", { notBefore: clock.now() - 1000, notAfter: clock.now() + 24 * hour });
  const authority = await openAuthority(root);
  return { ...(await authority.issue({ dns: [dns] }, validity)), root: root.certificate };
}

function put({ certificate, key, root }: FolderCertificate): void {
  writeFileSync(join(directory, "tls.crt"), certificate);
  writeFileSync(join(directory, "tls.key"), key);
  writeFileSync(join(directory, "ca.crt"), root);
}

test("what is there is taken once, and what comes in its place", async () => {
  const [first, second] = [await issue(), await issue(name, 2 * hour)];
  put(first);
  folder.start();
  await clock.advance(60_000);
  expect(taken).toEqual([first]);
  expect(folder.expiration).toBe(Date.UTC(2026, 0, 1) + hour);
  put(second);
  await clock.advance(10_000);
  expect(taken).toEqual([first, second]);
  expect(problems).toEqual([]);
});

test("what cannot be used is told once and not taken; what was taken stays", async () => {
  folder.start();
  expect(problems).toEqual([
    expect.stringMatching(/missing or cannot be read \(ENOENT\); it needs tls\.crt, tls\.key and ca\.crt/),
  ]);
  await clock.advance(30_000);
  expect(problems).toHaveLength(1);
  expect(folder.expiration).toBeUndefined();

  const good = await issue();
  put(good);
  await clock.advance(10_000);
  const other = await issue();
  for (const [wrong, message] of [
    [{ ...good, key: other.key }, /do not belong together/],
    [{ ...good, certificate: "not PEM" }, /cannot be read or do not belong together/],
    [await issue("heddle.elsewhere.svc"), /lacks the DNS name heddle\.heddle-system\.svc/],
    [{ ...good, root: other.root }, /does not lead to a root in ca\.crt/],
    [await issue(name, -500), /has expired/],
  ] as const) {
    put(wrong);
    await clock.advance(30_000);
    expect(problems.at(-1)).toMatch(message);
  }
  expect(problems).toHaveLength(5);
  expect(taken).toEqual([good]);

  unlinkSync(join(directory, "ca.crt"));
  await clock.advance(10_000);
  expect(problems).toHaveLength(6);
  put(good);
  await clock.advance(10_000);
  expect(taken).toEqual([good]);
});

test("nothing is looked at any more once it is stopped", async () => {
  folder.start();
  folder.stop();
  put(await issue());
  await clock.advance(60_000);
  expect(taken).toEqual([]);
});
