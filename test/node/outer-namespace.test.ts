import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { endOf, freePorts, until } from "../../tools/processes.ts";

const script = join(import.meta.dirname, "../../tools/outer-namespace.sh");
/** Listens where the forwarder leads to. Takes a moment to end in its own way, whichever signals come. */
const program = (socket: string): string => `
  require("node:net").createServer().listen(${JSON.stringify(socket)}, () => console.log("up"));
  const end = Promise.withResolvers();
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, end.resolve);
  end.promise.then(() => setTimeout(() => { console.log("ended in order"); process.exit(0); }, 300));`;

test("Ctrl-C reaches every process of the terminal, and the command inside still ends in its own way", async () => {
  const directory = mkdtempSync(join(tmpdir(), "heddle-test-outer-"));
  const socket = join(directory, "socket");
  const [port] = await freePorts(1);
  const command = [script, "--forward", `${port}=${socket}`, "--", process.execPath, "-e", program(socket)];
  // A process group of its own is what a terminal sends its signals to.
  const child = spawn("bash", command, { detached: true, stdio: ["ignore", "pipe", "inherit"] });
  const ended = endOf(child);
  try {
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    await until("the command is up", () => output.includes("up"), { timeout: 20_000 });
    process.kill(-(child.pid ?? 0), "SIGINT");
    expect(await ended).toBe("exit code 0");
    if (!child.stdout.closed) await once(child.stdout, "close");
    expect(output).toBe("up\nended in order\n");
    expect(existsSync(socket)).toBe(false);
    expect(() => process.kill(-(child.pid ?? 0), 0)).toThrow("ESRCH");
  } finally {
    child.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  }
});
