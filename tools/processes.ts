/**
 * Child processes of the development tools: each one dies with its parent, writes to a log file, and is ended by its own
 * process id.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { constants } from "node:os";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";

/** A child process that runs in the background. */
export interface BackgroundProcess {
  readonly name: string;
  /** Undefined when it could not be started. */
  readonly pid: number | undefined;
  /** Where its standard output and standard error go. */
  readonly logFile: string;
  /** Resolves with a readable reason, such as `exit code 1`, when the process has ended. */
  readonly ended: Promise<string>;
  /** Why it ended, once it has. */
  endedBecause(): string | undefined;
  /** Ends the process and waits for its end. By default at once: what it holds is thrown away with it. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a program whose end the kernel enforces when this process ends, however it ends (prctl PR_SET_PDEATHSIG). */
export function startProcess(
  name: string,
  command: string,
  args: readonly string[],
  options: { readonly logFile: string; readonly environment?: NodeJS.ProcessEnv },
): BackgroundProcess {
  const log = openSync(options.logFile, "a");
  const child = spawn("setpriv", ["--pdeathsig", "KILL", command, ...args], {
    stdio: ["ignore", log, log],
    env: options.environment ?? process.env,
    // Ctrl-C in the terminal is for this process only, which ends the others in their order.
    detached: true,
  });
  closeSync(log);
  let reason: string | undefined;
  const ended = endOf(child).then((text) => {
    reason = text;
    return text;
  });
  return {
    name,
    pid: child.pid,
    logFile: options.logFile,
    ended,
    endedBecause: () => reason,
    async stop(signal = "SIGKILL") {
      if (reason === undefined) child.kill(signal);
      await ended;
    },
  };
}

/** Resolves when a child has ended, with the reason in words. */
export function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
}

/** What a program that ran to its end left. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit code; 128 and the number of the signal when one ended it, as shells say it. */
  readonly status: number;
}

/** How to run a program to its end. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly environment?: NodeJS.ProcessEnv;
  readonly input?: string;
  /** Milliseconds after which it is killed. */
  readonly timeout?: number;
}

/** A program whose output is collected while it runs. */
export interface Running {
  /** Resolves when it has ended and closed its output; rejects only when it could not be started. */
  readonly result: Promise<CommandResult>;
  /** Resolves when it has written something to its standard error, or has ended. */
  readonly firstNote: Promise<void>;
  /** Writes to its standard input. */
  write(text: string): void;
  /** Ends its standard input, after `text`. */
  endInput(text?: string): void;
  /** Calls `listener` with each whole line that it writes to its standard output from now on. */
  onLine(listener: (line: string) => void): void;
}

/** Starts a program whose standard input stays open. */
export function start(command: string, args: readonly string[], options: Omit<CommandOptions, "input"> = {}): Running {
  const { cwd, environment, timeout } = options;
  const child = spawn(command, args, { cwd, env: environment, timeout, killSignal: "SIGKILL", stdio: "pipe" });
  const text = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text.stdout += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    text.stderr += chunk;
  });
  // A program that does not read its input may end before it is written.
  child.stdin.on("error", () => {});
  return {
    firstNote: new Promise((resolve) => {
      child.stderr.once("data", () => resolve());
      child.once("close", () => resolve());
    }),
    write: (input) => void child.stdin.write(input),
    endInput: (input = "") => void child.stdin.end(input),
    onLine: (listener) => void createInterface({ input: child.stdout }).on("line", listener),
    result: new Promise((resolve, reject) => {
      child.once("error", (error) => reject(new Error(`${command} cannot be run: ${error.message}`)));
      child.once("close", (code, signal) => {
        resolve({ ...text, status: code ?? 128 + (signal === null ? 0 : constants.signals[signal]) });
      });
    }),
  };
}

/** Runs a program to its end and gives its output, whatever its exit code. Fails only when it cannot be started. */
export async function collect(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const running = start(command, args, options);
  running.endInput(options.input);
  return running.result;
}

/** Runs a program to its end; fails with its output unless it succeeds. Gives its standard output. */
export async function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { stdout, stderr, status } = await collect(command, args, options);
  if (status === 0) return stdout;
  const output = `${stdout}${stderr}`.trimEnd().slice(-8_000);
  throw new Error(`\`${command} ${args.join(" ")}\` failed with ${status}:\n${output}`);
}

/** The last lines of a log file, for an error message. */
export function tail(logFile: string, lines = 15): string {
  try {
    return readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  } catch {
    return "(no log)";
  }
}

/**
 * Waits until `check` gives something other than `undefined` or `false`; its errors count as "not yet". Fails after
 * `timeout` milliseconds, or at once when `process` ends, with a message that says what was waited for.
 */
export async function until<T>(
  what: string,
  check: () => Promise<T | undefined | false> | T | undefined | false,
  options: { readonly timeout: number; readonly interval?: number; readonly process?: BackgroundProcess },
): Promise<T> {
  const deadline = performance.now() + options.timeout;
  let last: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    const ended = options.process?.endedBecause();
    if (options.process !== undefined && ended !== undefined) {
      const { name, logFile } = options.process;
      throw new Error(`${name} ended (${ended}) before ${what}. End of ${logFile}:\n${tail(logFile)}`);
    }
    if (performance.now() > deadline) {
      const hint = last === undefined ? "" : ` Last error: ${last instanceof Error ? last.message : String(last)}`;
      throw new Error(`Waited ${options.timeout / 1000} s for ${what}.${hint}`);
    }
    await delay(options.interval ?? 50);
  }
}

/** Where {@link freePorts} looks: below the ports that the kernel gives to outgoing connections, above all that have a meaning here. */
const portRange = { from: 20_000, count: 12_000 } as const;
let nextPort = Math.floor(Math.random() * portRange.count);

/**
 * Free TCP ports of 127.0.0.1, all different. Processes that run side by side begin to look in different places, so that
 * none takes what another was just given.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = portRange.from + (nextPort++ % portRange.count);
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
