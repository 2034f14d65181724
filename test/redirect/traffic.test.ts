import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type Answers, addresses } from "./scenario.ts";

const isRoot = process.getuid?.() === 0;

/** Who answers whom, the same in both families. `%pod`, `%client`, `%source` stand for the addresses that a server sees. */
const expected: Readonly<Record<string, string>> = {
  "client to the application": "inbound %client",
  "client to the status port": "status %client",
  "client to an excluded port": "application %client",
  "client at an excluded address to the application": "application %excluded",
  "application to a remote server": "outbound",
  "application to an excluded port": "remote %pod",
  "application to an excluded address": "remote %pod",
  "application to the pod's address": "application %pod",
  "application to loopback": "application %loopback",
  "root to a remote server": "outbound",
  "root to an excluded port": "remote %pod",
  "root to an excluded address": "remote %pod",
  "root to the pod's address": "application %pod",
  "root to loopback": "application %loopback",
  "proxy to a remote server": "remote %pod",
  "proxy to an excluded port": "remote %pod",
  "proxy to an excluded address": "remote %pod",
  "proxy to the pod's address": "inbound",
  "proxy to loopback": "application %loopback",
  "proxy to the pod's address from the inbound source": "application %source",
};

describe.skipIf(!isRoot)("connections of a pod with the redirect in place (needs root)", () => {
  let answers: Answers = {};
  beforeAll(() => {
    const scenario = join(import.meta.dirname, "scenario.ts");
    const output = execFileSync(
      "unshare",
      ["--net", "--mount", "--pid", "--fork", "--kill-child", process.execPath, scenario],
      { encoding: "utf8" },
    );
    answers = JSON.parse(output) as Answers;
  }, 60_000);

  for (const [family, names] of Object.entries(addresses)) {
    test.each(Object.entries(expected))(`${family}: %s`, (name, answer) => {
      const wanted = Object.entries(names).reduce((text, [key, address]) => text.replace(`%${key}`, address), answer);
      // Where the redirect is local, the server sees the address that the kernel chose; only who answered matters.
      const got = answers[`${family} ${name}`];
      expect(answer.includes("%") ? got : got?.split(" ")[0]).toBe(wanted);
    });
  }
});
