/**
 * A sidecar whose policies are edited again and again while forbidden callers never stop to try: run it with
 * `unshare --net`. Prints what they got, for `edits.test.ts` to judge.
 */
import type { WorkloadClass } from "../../src/model/mesh.ts";
import { identityOf, meshPolicy, meshRule, workloadClass } from "../support/mesh-samples.ts";
import { createTestAuthority } from "../support/test-identity.ts";
import { exchange, plaintext, statusOf } from "./sidecar-callers.ts";
import { families, ports, redirect, startApplication, withSidecar } from "./sidecar-world.ts";

/** How often each answer came, by caller. */
export type Answers = Readonly<Record<string, Readonly<Record<string, number>>>>;

const edits = process.env["HEDDLE_SOAK"] === "1" ? 250 : 40;
const own = await (await createTestAuthority()).issue(identityOf("shop", "checkout"));

/** What is forbidden always is, by one policy; another one is edited, on the same ports, and now and then an ALLOW comes and goes. */
const version = (edit: number): WorkloadClass =>
  workloadClass({
    ports: [
      { port: ports.http, protocol: "http", mode: "Permissive" },
      { port: ports.echo, protocol: "tcp", mode: "Permissive" },
    ],
    families,
    deny: [
      meshPolicy("shop/always", [
        meshRule({}, { paths: { any: [{ type: "prefix", value: "/admin" }] }, ports: { any: [ports.http] } }),
        meshRule({}, { ports: { any: [ports.echo] } }),
      ]),
      meshPolicy("shop/edited", [
        meshRule({}, { paths: { any: [{ type: "exact", value: `/edited-${edit}` }] } }),
        meshRule({ ipBlocks: { any: [{ address: `192.0.2.${edit % 256}`, prefixLength: 32 }] } }),
      ]),
    ],
    allow: edit % 5 === 0 ? [meshPolicy("shop/open", [meshRule({})])] : undefined,
  });

redirect();
await startApplication(own);
const result = await withSidecar(own, version(0), async (_log, change): Promise<Answers> => {
  const answers = new Map<string, Map<string, number>>();
  let isOver = false;
  const again = async (name: string, call: () => Promise<string>): Promise<void> => {
    const of = new Map<string, number>();
    answers.set(name, of);
    while (!isOver) {
      const answer = await call();
      of.set(answer, (of.get(answer) ?? 0) + 1);
    }
  };
  const trying = [
    again("forbidden request", () => statusOf(plaintext, "/admin")),
    again("forbidden connection", () =>
      exchange({ port: ports.echo, enough: (text) => text.length > 0 }, "ping-ping-ping"),
    ),
    again("request", () => statusOf(plaintext, "/")),
  ];
  for (let edit = 1; edit <= edits; edit++) await change(version(edit));
  isOver = true;
  await Promise.all(trying);
  const last = { [await statusOf(plaintext, `/edited-${edits}`)]: 1 };
  return { ...Object.fromEntries([...answers].map(([name, of]) => [name, Object.fromEntries(of)])), last };
});
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
