import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import { conditionOf, type StatusView } from "../../tools/demo/mesh.ts";
import { useMesh } from "./mesh.ts";
import { hold as holdOpen, read as readFrom } from "./sockets.ts";
import type { Caller } from "./support.ts";

const mesh = useMesh();
let ledger = "";

beforeAll(async () => {
  await mesh().apply("test/dataplane/connections-fixture.yaml");
  await mesh().waitDeployments("shop", 90);
  await mesh().settle();
  ledger = await mesh().podOf("shop", "ledger");
});

afterAll(async () => {
  await mesh().remove("deployment", "shop", "ledger");
  await mesh().remove("service", "shop", "ledger");
});

const ledgerPort = (port: number) => ["ledger.shop", port] as const;
const read = (caller: Caller, port: number, says?: string, seconds?: number) =>
  readFrom(mesh(), caller, ledgerPort(port), says, seconds);
const hold = (caller: Caller, port: number) => holdOpen(mesh(), caller, ledgerPort(port));

/** How many connections an application has had. */
const connections = (container: "sql" | "lines"): number =>
  mesh().cluster.logs("shop", ledger, container).split("connected\n").length - 1;

const policy = (name: string, spec: string) =>
  `apiVersion: heddle.dev/v1alpha1\nkind: AuthorizationPolicy\nmetadata: {name: ${name}, namespace: shop}\nspec: {selector: {matchLabels: {app: ledger}}, ${spec}}\n`;
/** Gone, and nobody obeys it any more. */
async function withdraw(kind: "AuthorizationPolicy" | "MeshTLS", name: string): Promise<void> {
  await mesh().remove(kind, "shop", name);
  await mesh().settle();
}
const onlyFrontend = policy("ledger", "rules: [{from: [{source: {serviceAccounts: [frontend]}}]}]");

describe("callers that a policy denies read 0 bytes, and the application sees 0 connections of them", () => {
  beforeAll(async () => {
    for (const caller of ["frontend", "checkout", "visitor"] as const) {
      expect(await read(caller, 9100, "hello\n")).toBe("ledger: hello\n");
      // In plaintext, too: the greeting comes once the sidecar has waited for the caller's first byte.
      expect(await read(caller, 3306)).toBe("ledger: welcome\n");
    }
    await mesh().applyAndWait(onlyFrontend);
  });
  afterAll(() => withdraw("AuthorizationPolicy", "ledger"));

  test("where the client speaks first, whether it does or not", async () => {
    const before = connections("lines");
    for (const caller of ["checkout", "visitor"] as const) {
      expect(await read(caller, 9100, "hello\n", 2)).toBe("");
      expect(await read(caller, 9100, "", 2)).toBe("");
    }
    expect(connections("lines")).toBe(before);
    expect(await read("frontend", 9100, "hello\n")).toBe("ledger: hello\n");
    expect(connections("lines")).toBe(before + 1);
  });

  test("where the server speaks first; who is allowed reads its greeting in silence", async () => {
    const before = connections("sql");
    for (const caller of ["checkout", "visitor"] as const) {
      expect(await read(caller, 3306, "", 2)).toBe("");
      expect(await read(caller, 3306, "hello\n", 2)).toBe("");
    }
    expect(connections("sql")).toBe(before);
    expect(await read("frontend", 3306)).toBe("ledger: welcome\n");
    expect(connections("sql")).toBe(before + 1);
  });

  test("where the server speaks first and a policy cannot be judged, everybody is denied, and the policy says so", async () => {
    await mesh().apply(policy("by-namespace", "rules: [{from: [{source: {namespaces: [shop]}}]}]"));
    const said = await mesh().waitProgrammed(kinds.AuthorizationPolicy, "shop", "by-namespace");
    expect(conditionOf(said, "Accepted")).toMatchObject({
      status: "False",
      reason: "ServerFirstPort",
    });
    const before = connections("sql");
    expect(await read("frontend", 3306, "", 2)).toBe("");
    expect(connections("sql")).toBe(before);
    // The rest of it is in force.
    expect(await read("checkout", 9100, "hello\n")).toBe("ledger: hello\n");
    await withdraw("AuthorizationPolicy", "by-namespace");
  });
});

describe("connections that were open before", () => {
  /** Applies, and gives every reason of `Programmed` until it is True. */
  async function reasonsUntilProgrammed(kind: "AuthorizationPolicy" | "MeshTLS", name: string, text: string) {
    const reasons = new Set<string>();
    await mesh().apply(text);
    const last = await mesh().cluster.waitFor(
      `${name} is programmed`,
      async () => {
        const object = await mesh().get<StatusView>(`${kinds[kind].plural}.heddle.dev`, "shop", name);
        const condition = conditionOf(object, "Programmed");
        if (condition !== undefined) reasons.add(condition.reason);
        return condition?.status === "True" && condition.observedGeneration === object.metadata.generation && object;
      },
      60_000,
    );
    expect(conditionOf(last, "Programmed")?.reason).toBe("Programmed");
    return [...reasons];
  }

  test("have ended when a policy that denies them is programmed; the reason says what is waited for", async () => {
    const held = await hold("checkout", 9100);
    const other = await hold("checkout", 3306);
    expect(await reasonsUntilProgrammed("AuthorizationPolicy", "ledger", onlyFrontend)).toContain("Draining");
    expect(await held.finish()).toMatchObject({ end: "closed" });
    expect(await other.finish()).toMatchObject({ end: "closed" });
    await withdraw("AuthorizationPolicy", "ledger");
  });

  test("in plaintext have ended when Strict is programmed; those of the mesh go on", async () => {
    const plaintext = await hold("visitor", 9100);
    const mutual = await hold("checkout", 9100);
    const strict =
      "apiVersion: heddle.dev/v1alpha1\nkind: MeshTLS\nmetadata: {name: ledger, namespace: shop}\nspec: {selector: {matchLabels: {app: ledger}}, mode: Strict}\n";
    expect(await reasonsUntilProgrammed("MeshTLS", "ledger", strict)).toContain("Draining");
    expect(await plaintext.finish()).toMatchObject({ end: "closed" });
    expect(await mutual.finish()).toMatchObject({ end: "open" });
    await withdraw("MeshTLS", "ledger");
  });

  test.each(["http://cart.shop/", "h2c://h2-a.shop:8081/"])(
    "carry the next request of %s to the new policy, and fail none",
    async (url) => {
      const load = await mesh().load("shop", "checkout-v1", url, { rate: 50 });
      const app = url.startsWith("h2c") ? "h2" : "cart";
      await mesh().applyAndWait(
        `apiVersion: heddle.dev/v1alpha1\nkind: AuthorizationPolicy\nmetadata: {name: next-request, namespace: shop}\nspec: {selector: {matchLabels: {app: ${app}}}, action: DENY, rules: [{from: [{source: {serviceAccounts: [checkout]}}]}]}\n`,
      );
      const { failures, statuses, requests } = await load.finish();
      expect(failures).toBe(0);
      expect(Object.keys(statuses)).toEqual(["200", "403"]);
      expect((statuses["200"] ?? 0) + (statuses["403"] ?? 0)).toBe(requests);
      await withdraw("AuthorizationPolicy", "next-request");
    },
  );
});
