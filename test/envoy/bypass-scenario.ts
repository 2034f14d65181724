/**
 * Makes every attempt of `bypass-corpus.ts` at a real sidecar: run it with `unshare --net`. Prints what did not come as it
 * must, for `bypass.test.ts` to judge.
 */

import { connect as connectTLS } from "node:tls";
import { alpn } from "../../src/model/sidecar.ts";
import type { Call, Caller, Request } from "../../src/policy/call.ts";
import { identityOf } from "../support/mesh-samples.ts";
import { applicationPorts } from "../support/policy-arbitraries.ts";
import { compileWorkloads } from "../support/policy-world.ts";
import type { TestIdentity } from "../support/test-identity.ts";
import type { Attempt, BypassCaller, Fate } from "./bypass-class.ts";
import { bypassClasses, handshakeClasses } from "./bypass-corpus.ts";
import type { Outcome } from "./evaluator-calls.ts";
import { Client } from "./evaluator-calls.ts";
import { addressOf, redirectWorkloads, startApplications, withSharedSidecar } from "./evaluator-world.ts";
import { createOddAuthority } from "./odd-certificates.ts";
import { rawHTTP2 } from "./raw-http2.ts";
import { exchange } from "./sidecar-callers.ts";

/** What this prints: attempts by class, and those that got another fate. */
export type Fates = Readonly<Record<string, { readonly attempts: number; readonly wrong: readonly string[] }>>;

const names: Readonly<Record<Exclude<BypassCaller, "plaintext">, string>> = {
  frontend: identityOf("shop", "frontend"),
  dotted: identityOf("shop", "front.end"),
  undotted: identityOf("shop", "frontxend"),
};
const callerOf = (name: BypassCaller = "frontend"): Caller =>
  name === "plaintext" ? { speaks: "plaintext" } : { speaks: "mutual-tls", identity: names[name] };

const authority = await createOddAuthority();
const identities = new Map(
  await Promise.all(Object.values(names).map(async (identity) => [identity, await authority.issue(identity)] as const)),
);
const own = await authority.issue(identityOf("shop", "checkout"));
const client = new Client(identities);

const workloads = bypassClasses.map(({ policies }, index) => ({
  name: `b${index}`,
  address: addressOf(index),
  policies: policies.map((spec, at) => ({ key: `shop/b${index}-${at}`, spec })),
}));
const { compilation, classOf } = compileWorkloads(workloads);

function fateOf({ status }: Pick<Outcome, "status">): Fate {
  if (status === "200" || status === "answered") return "served";
  return status === "403" || status === "refused" ? "denied" : "refused";
}

/** What came of an attempt, over each version that it is for. */
async function make(attempt: Attempt, address: string): Promise<readonly (readonly [over: string, status: string])[]> {
  const { bytes, headers, connection, only, request } = attempt;
  const caller = callerOf(attempt.caller);
  if (bytes !== undefined) return [["HTTP/1.1", await sendBytes(bytes, address)]];
  if (headers !== undefined) return [["HTTP/2", await sendHeaders(headers, address)]];
  const call = (port: number): Call => ({ caller, source: "10.0.0.2", destination: { address, port } });
  if (connection !== undefined)
    return [[connection, (await client.make(call(applicationPorts[connection]), "-")).status]];
  const asked: Request = { method: "GET", path: "/", host: "app.local", ...request };
  const versions = [["HTTP/1.1", applicationPorts.http] as const, ["HTTP/2", applicationPorts.http2] as const];
  const outcomes: (readonly [string, string])[] = [];
  for (const [version, port] of versions) {
    if (only !== undefined && only !== version) continue;
    const { status, seen } = await client.make({ ...call(port), request: asked }, "-");
    const isTold = Object.keys(seen?.headers ?? {}).some((name) => name.startsWith("x-envoy-"));
    outcomes.push([version, isTold ? "the application is told what a proxy would say" : status]);
  }
  return outcomes;
}

const secure = (address: string, port: number) => {
  const identity = identities.get(names.frontend);
  if (identity === undefined) throw new Error("there is no frontend");
  const { certificate: cert, key } = identity;
  return { host: address, port, cert, key, ALPNProtocols: [alpn.http1], rejectUnauthorized: false };
};

/** The status of the first answer that there is, and `served` if another one follows it. */
async function sendBytes(bytes: string, address: string): Promise<string> {
  const identity = identities.get(names.frontend);
  const whole = (text: string): boolean => /\r\n\r\n.*\}$/s.test(text) || /^HTTP\/1\.[01] [45]/.test(text);
  const text = await exchange(
    { host: address, port: applicationPorts.http, alpn: alpn.http1, enough: whole, ...(identity ? { identity } : {}) },
    bytes,
    10_000,
  );
  return /^HTTP\/1\.[01] (\d+)/.exec(text)?.[1] ?? text;
}

async function sendHeaders(headers: NonNullable<Attempt["headers"]>, address: string): Promise<string> {
  const socket = connectTLS(secure(address, applicationPorts.http2));
  try {
    return (await rawHTTP2(socket).request(headers)).status;
  } finally {
    socket.destroy();
  }
}

/** Names that look like `shop/frontend`, whom alone the workload lets in. */
const frontend = names.frontend;
const lookalikes: Readonly<Record<string, Parameters<typeof authority.issueNames>[0]>> = {
  "a slash at the end": [{ type: "url", value: `${frontend}/` }],
  "a scheme in upper case": [{ type: "url", value: frontend.replace("spiffe", "SPIFFE") }],
  "a trust domain in upper case": [{ type: "url", value: frontend.replace("cluster.local", "CLUSTER.local") }],
  "a name in upper case": [{ type: "url", value: frontend.replace("frontend", "Frontend") }],
  "an escape": [{ type: "url", value: frontend.replace("frontend", "front%65nd") }],
  "a zero byte": [{ type: "url", value: `${frontend}\0.shop` }],
  "something behind it": [{ type: "url", value: `${frontend}?x` }],
  "a dot segment": [{ type: "url", value: frontend.replace("/ns/shop", "/ns/store/../shop") }],
  "a name of a server": [{ type: "dns", value: frontend }],
  "no name": [],
};

/** A caller of that certificate must not be served, by HTTP or by a connection. */
async function lookalike(identity: TestIdentity, address: string): Promise<readonly string[]> {
  const target = { host: address, identity, alpn: alpn.http1 };
  const request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  const answers = [
    await exchange({ ...target, port: applicationPorts.http }, request),
    await exchange({ ...target, port: applicationPorts.tcp }, "ping\n"),
  ];
  return answers.filter((answer) => /^HTTP\/1\.1 200|ping/.test(answer));
}

/** Whether a session of before is taken up again, instead of looking at the certificate anew. */
async function isResumed(address: string, maxVersion: "TLSv1.2" | "TLSv1.3"): Promise<boolean> {
  const handshake = (session?: Buffer): Promise<{ session: Buffer | undefined; reused: boolean }> =>
    new Promise((resolve, reject) => {
      const options = {
        ...secure(address, applicationPorts.http),
        maxVersion,
        ...(session === undefined ? {} : { session }),
      };
      const socket = connectTLS(options);
      let last: Buffer | undefined;
      socket.on("session", (given: Buffer) => {
        last = given;
      });
      socket.on("error", reject);
      // Tickets of TLS 1.3 come behind the handshake: an answer is behind them.
      socket.once("data", () => {
        const result = { session: last ?? socket.getSession(), reused: socket.isSessionReused() };
        socket.destroy();
        resolve(result);
      });
      socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    });
  const { session } = await handshake();
  return (await handshake(session)).reused;
}

/** The classes that are about handshakes. `address` is of a workload that lets in `shop/frontend` alone. */
async function handshakes(address: string): Promise<Fates> {
  const wrong: string[] = [];
  for (const [what, given] of Object.entries(lookalikes)) {
    const answers = await lookalike(await authority.issueNames(given), address);
    if (answers.length > 0) wrong.push(`${what}: ${answers.join(", ")}`);
  }
  const genuine = await lookalike(await authority.issueNames([{ type: "url", value: frontend }]), address);
  if (genuine.length !== 2) wrong.push(`the name itself: ${genuine.join(", ")}`);
  const versions = ["TLSv1.2", "TLSv1.3"] as const;
  const resumed = await Promise.all(
    versions.map(async (version) => ((await isResumed(address, version)) ? [version] : [])),
  );
  return {
    [handshakeClasses.names]: { attempts: Object.keys(lookalikes).length, wrong },
    [handshakeClasses.resumption]: { attempts: versions.length, wrong: resumed.flat() },
  };
}

redirectWorkloads(workloads.length);
await startApplications();
if (
  [...compilation.decisions.values()].some(({ accepted }) => !["Accepted", "ServerFirstPort"].includes(accepted.reason))
)
  throw new Error(JSON.stringify(compilation.decisions));
const result = await withSharedSidecar(
  own,
  workloads.map(({ name }) => classOf(name)),
  async (): Promise<Fates> => {
    const fates: Record<string, { attempts: number; wrong: string[] }> = {};
    for (const [index, { name, attempts }] of bypassClasses.entries()) {
      const wrong: string[] = [];
      let count = 0;
      for (const [fate, attempt] of attempts) {
        for (const [over, status] of await make(attempt, addressOf(index))) {
          count += 1;
          const came = fateOf({ status });
          if (came !== fate)
            wrong.push(`${JSON.stringify(attempt)} over ${over}: ${fate} expected, ${came} (${status})`);
        }
      }
      fates[name] = { attempts: count, wrong };
    }
    const identified = bypassClasses.findIndex(({ name }) => name.startsWith("B8"));
    return { ...fates, ...(await handshakes(addressOf(identified))) };
  },
);
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
