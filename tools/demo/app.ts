/**
 * The application of the demo and of the data-plane tests: a small HTTP or TCP server that says who it is and who called,
 * and a client that calls it from inside a pod.
 *
 *   node app.ts serve 8080                        HTTP/1.1; answers with its pod's name, version and the peer it was told of
 *   node app.ts serve-http2 8081                  HTTP/2 without TLS (prior knowledge)
 *   node app.ts serve-tcp 9000 [--greet]          answers each line with `<name>: <line>`, and writes a line for each
 *                                                 connection; with --greet it speaks first
 *   node app.ts call URL [--count N] [--header name:value] [--method M] [--rate R] [--each] [--return-cookies]
 *                                                 prints one line of JSON with what came back; # in a header's value
 *                                                 is the number of the request
 *   node app.ts call-all                          makes each call that a line of its standard input asks for, with the
 *                                                 settings as JSON
 *   node app.ts watch URL --header x-pod:NAME     calls until standard input ends, then prints the same line
 */
import { readFileSync } from "node:fs";
import { Agent, createServer, type IncomingMessage, request } from "node:http";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import { createConnection, createServer as createTcpServer } from "node:net";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

/** What a run of the client saw. */
export interface CallReport {
  readonly requests: number;
  /** Requests without any answer. */
  readonly failures: number;
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Answers by the name that the server gave. */
  readonly servers: Readonly<Record<string, number>>;
  /** Answers by the peer identity that the server was told of. */
  readonly peers: Readonly<Record<string, number>>;
  /** Body of the last answer. */
  readonly lastBody: string;
  /** When the first answer of each server, or of each status but 200, came: milliseconds since the epoch. */
  readonly firstAnswer: Readonly<Record<string, number>>;
  /** How long answers took from the request on: half of them, and 99 of 100, at most so many milliseconds. */
  readonly took: { readonly p50: number; readonly p99: number };
  /** Errors by message. */
  readonly errors: Readonly<Record<string, number>>;
  /** Answers other than 200 by the beginning of their body. */
  readonly bodies: Readonly<Record<string, number>>;
  /** Which server answered each request, by number; with `each` only. */
  readonly each?: readonly string[];
  /**
   * With `returnCookies` only: each request is made again, with the cookie that it was given. Whether it came to the same
   * server, to another one, or had been given no cookie (`none`); and the cookies, without what they are called and worth.
   */
  readonly returned?: Readonly<Record<"same" | "other" | "none", number>>;
  readonly cookies?: Readonly<Record<string, number>>;
}

/** What to call, and how. */
export interface CallSettings {
  readonly url: string;
  /** GET, unless said otherwise. */
  readonly method?: string | undefined;
  /** `#` in a value is the number of the request. A header of several values is sent in as many lines. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** Absent: one. */
  readonly count?: number | undefined;
  /** Calls per second; absent: as fast as eight callers go. */
  readonly rate?: number | undefined;
  /** A new connection for each call. */
  readonly fresh?: boolean | undefined;
  /** Tells which server answered each call. */
  readonly each?: boolean | undefined;
  /** Makes each call again with the cookie that it was given. */
  readonly returnCookies?: boolean | undefined;
}

/** The same with nothing left open. */
interface CallOptions {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly count: number;
  /** 0: as fast as eight callers go. */
  readonly rate: number;
  readonly fresh: boolean;
  readonly each: boolean;
  readonly returnCookies: boolean;
  /** Ends the run early when it settles. */
  readonly until?: Promise<void>;
  /** Called when answers have begun to come. */
  readonly onFirst?: () => void;
}

const name = process.env["APP_NAME"] ?? "app";

function describe(method: string, path: string, headers: Readonly<Record<string, unknown>>): string {
  const forwarded = String(headers["x-forwarded-client-cert"] ?? "");
  const peer = /URI=([^;,]+)/.exec(forwarded)?.[1] ?? "none";
  return JSON.stringify({ server: name, method, path, peer, host: headers["host"] ?? headers[":authority"] });
}

/** Answers every path, and tells at /received how many requests have come before, by path and Host. */
function serveHttp(port: number): void {
  const received = new Map<string, number>();
  createServer((incoming: IncomingMessage, response) => {
    incoming.resume();
    response.setHeader("content-type", "application/json");
    const said = describe(incoming.method ?? "", incoming.url ?? "", incoming.headers);
    if (incoming.url === "/received") {
      response.end(JSON.stringify({ ...JSON.parse(said), received: Object.fromEntries(received) }));
      return;
    }
    const { path, host, peer } = JSON.parse(said) as Record<string, string>;
    const key = `${host}${path} ${peer}`;
    received.set(key, (received.get(key) ?? 0) + 1);
    // A server that never answers, for the one whose name it is.
    if (path !== `/hang/${name}`) response.end(`${said}\n`);
  }).listen(port, () => console.log(`${name}: HTTP on ${port}`));
}

function serveHttp2(port: number): void {
  createHttp2Server((incoming, response) => {
    response.setHeader("content-type", "application/json");
    response.end(`${describe(incoming.method, incoming.url, incoming.headers)}\n`);
  }).listen(port, () => console.log(`${name}: HTTP/2 on ${port}`));
}

function serveTcp(port: number, greets: boolean): void {
  createTcpServer((socket) => {
    console.log("connected");
    if (greets) socket.write(`${name}: welcome\n`);
    socket.on("error", () => socket.destroy());
    socket.on("data", (line) => socket.write(`${name}: ${line}`));
  }).listen(port, () => console.log(`${name}: TCP on ${port}`));
}

/** What came back from one call. */
interface Answer {
  readonly status: number;
  readonly body: string;
  /** The values of Set-Cookie. */
  readonly cookies?: readonly string[];
}

async function callOnce(options: CallOptions, agent: Agent): Promise<Answer> {
  const url = new URL(options.url);
  if (url.protocol === "tcp:") return callTcp(url);
  if (url.protocol === "h2c:") return callHttp2(url, options);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      { method: options.method, headers: options.headers, agent, timeout: 10_000 },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          body += chunk;
        });
        const cookies = response.headers["set-cookie"] ?? [];
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body, cookies }));
        response.on("error", reject);
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error("timeout")));
    outgoing.on("error", reject);
    outgoing.end();
  });
}

function callTcp(url: URL): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port: Number(url.port),
      timeout: 10_000,
    });
    socket.on("connect", () => socket.write("hello\n"));
    socket.on("data", (data) => {
      socket.end();
      resolve({ status: 200, body: JSON.stringify({ server: data.toString().split(":")[0], peer: "none" }) });
    });
    socket.on("timeout", () => socket.destroy(new Error("timeout")));
    socket.on("close", () => reject(new Error("closed without an answer")));
    socket.on("error", reject);
  });
}

function callHttp2(url: URL, options: CallOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://${url.host}`);
    session.on("error", reject);
    const stream = session.request({
      ":path": url.pathname + url.search,
      ":method": options.method,
      ...options.headers,
    });
    let status = 0;
    let body = "";
    stream.setTimeout(10_000, () => session.destroy(new Error("timeout")));
    stream.on("response", (headers) => {
      status = Number(headers[":status"]);
    });
    stream.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    stream.on("end", () => {
      session.close();
      resolve({ status, body });
    });
    stream.on("error", reject);
    stream.end();
  });
}

/** The options of one request: `#` in the value of a header is its number. */
function numbered(options: CallOptions, turn: number): CallOptions {
  const headers = Object.entries(options.headers).map(([key, values]) => {
    const [value, ...more] = [values].flat().map((text) => text.replaceAll("#", String(turn)));
    return [key, more.length === 0 ? value : [value, ...more]];
  });
  return { ...options, headers: Object.fromEntries(headers) };
}

/** Who answered, and which peer it was told of; of another answer than 200 its status. */
const saidBy = ({ status, body }: Answer): { readonly server: string; readonly peer?: string } =>
  status === 200 ? (JSON.parse(body) as { server: string; peer: string }) : { server: String(status) };

const optionsOf = (settings: CallSettings): CallOptions => ({
  url: settings.url,
  method: settings.method ?? "GET",
  headers: Object.fromEntries(
    Object.entries(settings.headers ?? {}).map(([name, value]) => [
      name,
      typeof value === "string" ? value : [...value],
    ]),
  ),
  count: settings.count ?? 1,
  rate: settings.rate ?? 0,
  fresh: settings.fresh ?? false,
  each: settings.each ?? false,
  returnCookies: settings.returnCookies ?? false,
});

/** Calls until `count` is reached or `until` settles. */
async function call(options: CallOptions): Promise<CallReport> {
  const tally = (): Map<string, number> => new Map();
  const tallies = { statuses: tally(), servers: tally(), peers: tally(), errors: tally(), bodies: tally() };
  const firstAnswer = new Map<string, number>();
  const each: string[] = [];
  const took: number[] = [];
  const returned = { same: 0, other: 0, none: 0 };
  const cookies = tally();
  const bump = (tally: Map<string, number>, key: string): void => void tally.set(key, (tally.get(key) ?? 0) + 1);
  const start = performance.now();
  let started = 0;
  let failures = 0;
  let lastBody = "";
  let ended = false;
  void options.until?.then(() => {
    ended = true;
  });
  const worker = async (): Promise<void> => {
    const agent = new Agent({ keepAlive: !options.fresh, maxSockets: 1 });
    while (!ended && started < options.count) {
      const turn = started++;
      if (options.rate > 0) {
        const wait = start + (turn * 1000) / options.rate - performance.now();
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
        if (ended) {
          started -= 1;
          break;
        }
      }
      try {
        const own = numbered(options, turn);
        const begun = performance.now();
        const answer = await callOnce(own, agent);
        took.push(performance.now() - begun);
        const { status, body } = answer;
        if (options.each) each[turn] = saidBy(answer).server;
        if (options.returnCookies) {
          const [cookie, ...attributes] = answer.cookies?.[0]?.split("; ") ?? [];
          if (cookie === undefined) returned.none += 1;
          else {
            bump(cookies, attributes.join("; "));
            const again = await callOnce({ ...own, headers: { ...own.headers, cookie } }, agent);
            returned[saidBy(again).server === saidBy(answer).server ? "same" : "other"] += 1;
          }
        }
        bump(tallies.statuses, String(status));
        lastBody = body;
        options.onFirst?.();
        const { server, peer } = saidBy(answer);
        if (status !== 200) bump(tallies.bodies, body.slice(0, 100));
        else {
          bump(tallies.servers, server);
          bump(tallies.peers, String(peer));
        }
        if (!firstAnswer.has(server)) firstAnswer.set(server, Date.now());
      } catch (error) {
        failures += 1;
        bump(
          tallies.errors,
          error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error),
        );
      }
    }
    agent.destroy();
  };
  await Promise.all(Array.from({ length: Math.min(8, options.count) }, worker));
  took.sort((a, b) => a - b);
  const quantile = (share: number): number =>
    took[Math.min(took.length - 1, Math.floor(share * took.length))] ?? Number.NaN;
  const plain = (tally: Map<string, number>): Record<string, number> => Object.fromEntries([...tally].sort());
  return {
    requests: started,
    failures,
    statuses: plain(tallies.statuses),
    servers: plain(tallies.servers),
    peers: plain(tallies.peers),
    errors: plain(tallies.errors),
    bodies: plain(tallies.bodies),
    lastBody: lastBody.slice(0, 2000),
    firstAnswer: plain(firstAnswer),
    took: { p50: quantile(0.5), p99: quantile(0.99) },
    ...(options.each ? { each } : {}),
    ...(options.returnCookies ? { returned, cookies: plain(cookies) } : {}),
  };
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}

/** The same, until standard input ends. */
const watching = (options: CallOptions): CallOptions => ({
  ...options,
  count: Number.MAX_SAFE_INTEGER,
  until: new Promise<void>((resolve) => process.stdin.resume().once("end", resolve)),
  onFirst: once(() => console.error("answers come")),
});

/** Makes the call of each line, side by side; answers each with its number. */
function callAll(): void {
  createInterface({ input: process.stdin }).on("line", (line) => {
    const { id, ...settings } = JSON.parse(line) as CallSettings & { readonly id: number };
    call(optionsOf(settings)).then(
      (report) => console.log(JSON.stringify({ id, report })),
      (error: Error) => console.log(JSON.stringify({ id, error: error.message })),
    );
  });
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      count: { type: "string" },
      header: { type: "string", multiple: true },
      method: { type: "string" },
      rate: { type: "string" },
      fresh: { type: "boolean" },
      each: { type: "boolean" },
      greet: { type: "boolean", default: false },
      "return-cookies": { type: "boolean" },
    },
  });
  const [command, argument] = positionals;
  // As process 1 of a container it gets no default handling of signals.
  process.once("SIGTERM", () => process.exit(0));
  if (command === "serve") return serveHttp(Number(argument));
  if (command === "serve-http2") return serveHttp2(Number(argument));
  if (command === "serve-tcp") return serveTcp(Number(argument), values.greet);
  if (command === "call-all") return callAll();
  if ((command !== "call" && command !== "watch") || argument === undefined) {
    console.error(readFileSync(import.meta.filename, "utf8").split("*/")[0]);
    process.exit(2);
  }
  const headers: Record<string, string[]> = {};
  for (const header of values.header ?? []) {
    const colon = header.indexOf(":");
    const name = header.slice(0, colon);
    headers[name] = [...(headers[name] ?? []), header.slice(colon + 1)];
  }
  const settings = optionsOf({
    url: argument,
    method: values.method,
    headers,
    count: values.count === undefined ? undefined : Number(values.count),
    rate: values.rate === undefined ? undefined : Number(values.rate),
    fresh: values.fresh,
    each: values.each,
    returnCookies: values["return-cookies"],
  });
  const report = await call(command === "watch" ? watching(settings) : settings);
  console.log(JSON.stringify(report));
}

await main();
