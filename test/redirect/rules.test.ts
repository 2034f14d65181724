import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

const isRoot = process.getuid?.() === 0;
const script = join(import.meta.dirname, "../../images/proxy/heddle-redirect");
const usual = [
  "--inbound-port",
  "15006",
  "--outbound-port",
  "15001",
  "--proxy-uid",
  "1337",
  "--exclude-inbound-ports",
  "15020",
];
const scratch = mkdtempSync(join(tmpdir(), "heddle-redirect-"));
afterAll(() => rmSync(scratch, { recursive: true }));

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs shell commands in a network namespace of their own; `redirect` there is the script with the usual arguments. */
function inNamespace(commands: string, path = ""): Outcome {
  const prelude = `set -e; ip link set lo up; redirect() { '${script}' "$@"; }; run() { redirect ${usual.join(" ")} "$@"; }`;
  return spawnSync("unshare", ["--net", "--mount", "sh", "-c", `${prelude}; ${commands}`], {
    encoding: "utf8",
    env: { PATH: `${path}${path === "" ? "" : ":"}${process.env["PATH"]}` },
  });
}

/** The rules in a dump of `iptables-save`, without counters, policies and comments. */
const rulesOf = (dump: string): readonly string[] => dump.split("\n").filter((line) => line.startsWith("-A "));

const chains = (
  source: string,
  loopback: string,
  outgoing: readonly string[] = [],
  incoming: readonly string[] = [],
): readonly string[] => [
  "-A PREROUTING -p tcp -j HEDDLE_INBOUND",
  "-A OUTPUT -p tcp -j HEDDLE_OUTBOUND",
  "-A HEDDLE_INBOUND -p tcp -m tcp --dport 15020 -j RETURN",
  ...incoming,
  "-A HEDDLE_INBOUND -p tcp -j REDIRECT --to-ports 15006",
  `-A HEDDLE_OUTBOUND -s ${source} -o lo -j RETURN`,
  `-A HEDDLE_OUTBOUND ! -d ${loopback} -o lo -p tcp -m owner --uid-owner 1337 -j REDIRECT --to-ports 15006`,
  "-A HEDDLE_OUTBOUND -m owner --uid-owner 1337 -j RETURN",
  "-A HEDDLE_OUTBOUND -o lo -j RETURN",
  ...outgoing,
  "-A HEDDLE_OUTBOUND -p tcp -j REDIRECT --to-ports 15001",
];
const ipv4 = chains("127.0.0.6/32", "127.0.0.1/32");
const ipv6 = chains("::6/128", "::1/128");

/** A folder for the front of PATH in which some tools are replaced by shell scripts. */
function withTools(tools: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(scratch, "tools-"));
  for (const [name, body] of Object.entries(tools))
    writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return folder;
}

describe.skipIf(!isRoot)("rules of the redirect (needs root)", () => {
  test("both families, once", () => {
    const { status, stdout, stderr } = inNamespace(
      "run; iptables-nft-save; echo ===; ip6tables-nft-save; echo ===; ip -6 addr show dev lo",
    );
    expect(stderr).toContain("iptables-nft: incoming connections go to port 15006");
    expect(status).toBe(0);
    const [first = "", second = "", loopback = ""] = stdout.split("===");
    expect(rulesOf(first)).toEqual(ipv4);
    expect(rulesOf(second)).toEqual(ipv6);
    expect(loopback).toContain(" ::6/128 ");
  });

  test("running it again gives the same rules, and mends what was put around them", () => {
    const { status, stdout } = inNamespace(`run
      iptables-nft -t nat -I PREROUTING 1 -p tcp --dport 7 -j ACCEPT
      iptables-nft -t nat -A OUTPUT -p tcp -j HEDDLE_OUTBOUND
      iptables-nft -t nat -I HEDDLE_INBOUND 1 -p tcp -j RETURN
      ip6tables-nft -t nat -D HEDDLE_OUTBOUND 1
      run; iptables-nft-save; echo ===; ip6tables-nft-save`);
    expect(status).toBe(0);
    const [first = "", second = ""] = stdout.split("===");
    expect(rulesOf(first)).toEqual(ipv4.toSpliced(1, 0, "-A PREROUTING -p tcp -m tcp --dport 7 -j ACCEPT"));
    expect(rulesOf(second)).toEqual(ipv6);
  });

  test("ports of outgoing connections can be left out, several of them", () => {
    const { status, stdout } = inNamespace("run --exclude-outbound-ports 3306,25; iptables-nft-save");
    expect(status).toBe(0);
    const outgoing = [3306, 25].map((port) => `-A HEDDLE_OUTBOUND -p tcp -m tcp --dport ${port} -j RETURN`);
    expect(rulesOf(stdout)).toEqual(chains("127.0.0.6/32", "127.0.0.1/32", outgoing));
  });

  test("ports of incoming connections and addresses of both directions can be left out, each in its family", () => {
    const { status, stdout } = inNamespace(`run --exclude-inbound-ports 15020,9000 \\
      --exclude-inbound-cidrs 10.0.0.0/8,2001:db8::/32 --exclude-outbound-cidrs 192.0.2.7/32,fd00::1/128,0.0.0.0/0
      iptables-nft-save; echo ===; ip6tables-nft-save`);
    expect(status).toBe(0);
    const [first = "", second = ""] = stdout.split("===");
    const port = "-A HEDDLE_INBOUND -p tcp -m tcp --dport 9000 -j RETURN";
    expect(rulesOf(first)).toEqual(
      chains(
        "127.0.0.6/32",
        "127.0.0.1/32",
        ["-A HEDDLE_OUTBOUND -d 192.0.2.7/32 -p tcp -j RETURN", "-A HEDDLE_OUTBOUND -p tcp -j RETURN"],
        [port, "-A HEDDLE_INBOUND -s 10.0.0.0/8 -p tcp -j RETURN"],
      ),
    );
    expect(rulesOf(second)).toEqual(
      chains(
        "::6/128",
        "::1/128",
        ["-A HEDDLE_OUTBOUND -d fd00::1/128 -p tcp -j RETURN"],
        [port, "-A HEDDLE_INBOUND -s 2001:db8::/32 -p tcp -j RETURN"],
      ),
    );
  });

  test("a block whose address is none is refused by the kernel's tools, and nothing is changed", () => {
    const { status, stderr, stdout } = inNamespace(
      "run --exclude-inbound-cidrs 10.0.0.999/8 || echo failed; iptables-nft-save -t nat",
    );
    expect(stderr).toContain("refused the rules; nothing was changed");
    expect(stdout).toContain("failed");
    expect(rulesOf(stdout)).toEqual([]);
    expect(status).toBe(0);
  });

  test("kernels that serve the legacy tools only", () => {
    const folder = withTools({ "iptables-nft": "echo 'no such table' >&2; exit 1", "ip6tables-nft": "exit 1" });
    const { status, stdout } = inNamespace("run; run; iptables-legacy-save; echo ===; ip6tables-legacy-save", folder);
    expect(status).toBe(0);
    const [first = "", second = ""] = stdout.split("===");
    expect(rulesOf(first)).toEqual(ipv4);
    expect(rulesOf(second)).toEqual(ipv6);
  });

  test.each([
    ["nft", {}],
    ["legacy", { "iptables-nft": "exit 1", "ip6tables-nft": "exit 1" }],
  ])("%s: NET_ADMIN and NET_RAW over a read-only file system are enough", (_, tools) => {
    const { status, stderr } = inNamespace(
      `mount -t tmpfs -o ro tmpfs /run
       exec setpriv --bounding-set -all,+net_admin,+net_raw --no-new-privs '${script}' ${usual.join(" ")}`,
      withTools(tools),
    );
    expect(stderr).toContain("ip6tables-");
    expect(status).toBe(0);
  });

  test("a transaction that fails changes nothing, and is said", () => {
    // A rule that the kernel refuses, behind all others.
    const folder = withTools({
      "iptables-nft-restore": `sed -e 's/^COMMIT$/-A OUTPUT -j NOSUCHCHAIN\\nCOMMIT/' | exec "$(which -a iptables-nft-restore | sed -n 2p)" "$@"`,
    });
    const { status, stdout, stderr } = inNamespace(
      "iptables-nft -t nat -S >/dev/null; run || echo failed with $?; iptables-nft-save -t nat",
      folder,
    );
    expect(stderr).toContain("iptables-nft-restore refused the rules; nothing was changed");
    expect(stdout).toContain("failed with 1");
    expect(rulesOf(stdout)).toEqual([]);
    expect(status).toBe(0);
  });

  test("rules that were taken and are not there are said", () => {
    const { status, stderr } = inNamespace("run", withTools({ "iptables-nft-restore": "cat >/dev/null" }));
    expect(status).toBe(1);
    expect(stderr).toContain("this one is not in place: PREROUTING -p tcp -j HEDDLE_INBOUND");
  });

  test("without any way to write rules it names each attempt", () => {
    const folder = withTools({
      "iptables-nft": "echo 'Protocol not supported' >&2; exit 1",
      "iptables-legacy": "echo 'no table nat' >&2; exit 3",
    });
    const { status, stderr } = inNamespace("run", folder);
    expect(status).toBe(1);
    expect(stderr).toContain("iptables-nft: Protocol not supported; iptables-legacy: no table nat");
  });

  test("IPv6 that cannot be redirected is an error", () => {
    const folder = withTools({ "ip6tables-nft": "exit 1", "ip6tables-legacy": "echo 'no table nat' >&2; exit 3" });
    const { status, stderr } = inNamespace("run", folder);
    expect(status).toBe(1);
    expect(stderr).toContain("ip6tables-legacy: no table nat");
  });

  test("IPv6 that no interface has needs no rules", () => {
    const folder = withTools({ "ip6tables-nft": "exit 1", "ip6tables-legacy": "exit 1" });
    const { status, stderr } = inNamespace(
      "for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 > $f; done; run",
      folder,
    );
    expect(stderr).toContain("no interface has IPv6");
    expect(status).toBe(0);
  });
});

describe("arguments of the redirect", () => {
  // Tools that say so if they are reached: nothing may happen before all arguments are good.
  const folder = mkdtempSync(join(scratch, "none-"));
  for (const name of ["printf", "cat", "sed", "tr"]) symlinkSync(`/usr/bin/${name}`, join(folder, name));
  const refuse = (args: readonly string[]): Outcome =>
    spawnSync("/bin/sh", [script, ...args], { encoding: "utf8", env: { PATH: folder } });

  test.each([
    [[], "--inbound-port must be a number between 1 and 65535, not ''"],
    [["--inbound-port"], "--inbound-port needs a value"],
    [["--inbound-port", "0"], "--inbound-port must be a number"],
    [["--inbound-port", "65536"], "--inbound-port must be a number"],
    [["--inbound-port", "015006"], "--inbound-port must be a number"],
    [["--inbound-port", "15006 -j ACCEPT"], "--inbound-port must be a number"],
    [["--inbound-port", "99999999999999999999"], "--inbound-port must be a number"],
    [["--outbound-port", "-1", "--inbound-port", "15006"], "--outbound-port must be a number"],
    [["--inbound-port", "15006", "--outbound-port", "15001", "--proxy-uid", "root"], "--proxy-uid must be a number"],
    [[...usual, "--exclude-inbound-ports", "15020,"], "--exclude-inbound-ports must be"],
    [[...usual, "--exclude-inbound-ports", "15020,,1"], "--exclude-inbound-ports must be ports with commas"],
    [[...usual, "--exclude-outbound-ports", "25\nCOMMIT"], "--exclude-outbound-ports must be a number"],
    [[...usual, "--exclude-outbound-ports", "*"], "--exclude-outbound-ports must be a number"],
    [[...usual, "--exclude-inbound-cidrs", "10.0.0.0"], "--exclude-inbound-cidrs must be CIDRs"],
    [[...usual, "--exclude-inbound-cidrs", "10.0.0.0/8,"], "--exclude-inbound-cidrs must be CIDRs with commas"],
    [[...usual, "--exclude-inbound-cidrs", "10.0.0.0/33"], "the prefix in --exclude-inbound-cidrs must be a number"],
    [[...usual, "--exclude-inbound-cidrs", "/8"], "--exclude-inbound-cidrs must be CIDRs"],
    [[...usual, "--exclude-inbound-cidrs", "10.0.0.0/8/8"], "--exclude-inbound-cidrs must be CIDRs"],
    [[...usual, "--exclude-inbound-cidrs", "a.b/8"], "--exclude-inbound-cidrs must be CIDRs"],
    [[...usual, "--exclude-outbound-cidrs", "fd00::/129"], "the prefix in --exclude-outbound-cidrs must be a number"],
    [[...usual, "--exclude-outbound-cidrs", "fd00::g/64"], "--exclude-outbound-cidrs must be CIDRs"],
    [[...usual, "--exclude-outbound-cidrs", "::/0 -j ACCEPT"], "--exclude-outbound-cidrs must be CIDRs"],
    [[...usual, "--exclude-outbound-cidrs", "::/0\nCOMMIT"], "--exclude-outbound-cidrs must be CIDRs"],
    [[...usual, "--outbound-port", "15006"], "--inbound-port and --outbound-port must differ"],
    [[...usual, "--verbose", "1"], "unknown option '--verbose'"],
  ])("%j is refused", (args, message) => {
    const { status, stderr } = refuse(args);
    expect(stderr).toContain(message);
    expect(stderr).toContain("usage: heddle-redirect");
    expect(status).toBe(2);
  });
});
