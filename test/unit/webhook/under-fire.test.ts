/** Two hundred reviews a second, while certificates rotate and others send whatever they like. */
import { Agent, request } from "node:https";
import { afterEach, expect, test } from "vitest";
import { createRoot, openAuthority } from "../../../src/identity/authority.ts";
import { call, endAll, review, start, tls } from "./serving.ts";

afterEach(endAll);

const rate = 200;
const seconds = process.env["HEDDLE_SOAK"] === "1" ? 60 : 3;

/** One review as the API server sends it. */
function ask(port: number, ca: string, agent: Agent, uid: string): Promise<string> {
  return new Promise((resolve) => {
    const options = { host: "127.0.0.1", servername: "localhost", port, path: "/inject", method: "POST" } as const;
    const outgoing = request({ ...options, ca, agent }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => {
        const answer = (response.statusCode === 200 ? JSON.parse(text).response : {}) as Readonly<
          Record<string, unknown>
        >;
        const patched = answer["uid"] === uid && answer["allowed"] === true && answer["patchType"] === "JSONPatch";
        resolve(patched ? "patched" : `${response.statusCode} ${text.slice(0, 100)}`);
      });
    });
    outgoing.on("error", ({ message }) => resolve(message));
    outgoing.end(review(undefined, { uid }));
  });
}

test("every review is answered, every other body is refused in its own way", { timeout: 180_000 }, async () => {
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 };
  const root = await createRoot("test", validity);
  const { issue } = await openAuthority(root);
  const [first, second] = [
    await issue({ dns: ["localhost"] }, validity),
    await issue({ dns: ["localhost"] }, validity),
  ];
  // More than any honest request takes, also on a machine that is busy with other tests.
  const { server, port } = await start({ requestTime: 5000 });
  server.setCertificate(first);
  const ending = new AbortController();
  /** What came back of each kind of body that is no review. */
  const refused = new Map<string, Set<string>>();
  const note = (what: string, answer: string): void => {
    refused.set(what, (refused.get(what) ?? new Set()).add(answer));
  };
  let current = first;
  const attack = async (what: string, body: string): Promise<void> => {
    while (!ending.signal.aborted) {
      note(what, await call(port, { body, authority: root.certificate }).then(({ status }) => String(status), String));
    }
  };
  const crawl = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const socket = await tls(port, root.certificate).catch(() => undefined);
      if (socket === undefined) continue;
      socket.on("error", () => {}).resume();
      // A byte every now and then keeps the connection, but not beyond the time that a request has.
      socket.write("POST /inject HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{");
      const drip = setInterval(() => socket.writable && socket.write(" "), 100);
      await new Promise<void>((resolve) => socket.once("close", () => resolve()));
      clearInterval(drip);
      note("slow", "cut off");
    }
  };
  const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
  const attacks = [
    attack("empty", ""),
    attack("truncated", review().slice(0, -20)),
    attack("deep", deep),
    attack("huge", " ".repeat(3 * 1024 * 1024 + 1)),
    crawl(),
    crawl(),
  ];

  const kept = new Agent({ keepAlive: true, maxSockets: 16 });
  const fresh = new Agent({ keepAlive: false });
  const answers: Promise<string>[] = [];
  let rotations = 0;
  const begun = performance.now();
  while (answers.length < rate * seconds) {
    // What is due by now, at once: a machine that is busy catches up.
    const due = Math.min(rate * seconds, Math.ceil(((performance.now() - begun) * rate) / 1000));
    for (; answers.length < due; ) {
      answers.push(ask(port, root.certificate, answers.length % 20 === 0 ? fresh : kept, `u${answers.length}`));
      if (answers.length % 50 === 0) {
        current = current === first ? second : first;
        server.setCertificate(current);
        rotations += 1;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const tally = Map.groupBy(await Promise.all(answers), (answer) => answer);
  ending.abort();
  await Promise.all(attacks);
  kept.destroy();

  expect(Object.fromEntries([...tally].map(([answer, all]) => [answer, all.length]))).toEqual({
    patched: rate * seconds,
  });
  expect(rotations).toBe((rate * seconds) / 50);
  expect(Object.fromEntries([...refused].map(([what, seen]) => [what, [...seen]]))).toEqual({
    empty: ["400"],
    truncated: ["400"],
    deep: ["400"],
    huge: ["413"],
    slow: ["cut off"],
  });
});
