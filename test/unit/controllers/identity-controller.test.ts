import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { identitiesOf, plan, secretKey, setUp } from "./identity-world.ts";

/** More than have a turn in the queue within a second. */
const many = identitiesOf(250);
type World = ReturnType<typeof setUp>;
let worlds: World[] = [];
const world = (): World => {
  const made = setUp();
  worlds.push(made);
  return made;
};
/** Keys are made and signed with by other threads, which no clock of ours moves. */
const eventually = (world: World, expected: () => void) =>
  vi.waitFor(
    async () => {
      await world.clock.advance(1);
      expected();
    },
    { timeout: 30_000, interval: 5 },
  );

afterEach(async () => {
  for (const { controller } of worlds) await controller.stop();
  worlds = [];
});

describe("where all is there", () => {
  /** What an operator before has left: made once, since each certificate costs some. */
  let left: World["stored"];
  const restarted = (identities = many): World => {
    const made = world();
    const known = new Set(identities.map(secretKey));
    for (const [key, secret] of left) {
      if (key.startsWith("shop/") && !known.has(key)) continue;
      made.stored.set(key, secret);
      made.observed.set(key, secret);
      made.controller.observe(key);
    }
    return made;
  };
  beforeAll(async () => {
    const before = setUp();
    await before.fill(many);
    left = before.stored;
  });

  test("the operator's own certificate is handed on before any identity is looked at; nothing is written, and none takes a turn", async () => {
    const made = restarted();
    const { controller, clock, log, looked, turns, writes } = made;
    // What was seen before anybody said who needs one is through.
    await clock.advance(1);
    controller.setIdentities(plan, many);
    await eventually(made, () => expect(looked().length).toBeGreaterThanOrEqual(many.length));
    expect(log.filter((entry) => entry === "own" || entry.startsWith("look "))[0]).toBe("own");
    expect(new Set(looked())).toEqual(new Set(many.map((identity) => `look ${secretKey(identity)}`)));
    expect(log).toContain("webhook");
    await clock.advance(60_000);
    expect(writes()).toEqual([]);
    // The authority, the webhook's, and the operator's own, each a few times.
    expect(await turns()).toBeLessThan(20);
  });

  test("each is renewed in its time", async () => {
    const some = many.slice(0, 20);
    const made = restarted(some);
    const { clock, controller, looked, writes } = made;
    controller.setIdentities(plan, some);
    await eventually(made, () => expect(looked().length).toBeGreaterThanOrEqual(20));
    await clock.advance(0.62 * 86_400_000);
    expect(writes()).toEqual([]);
    await clock.advance(0.06 * 86_400_000);
    const all = ["heddle-system/heddle-webhook", ...some.map(secretKey)];
    await eventually(made, () => expect(new Set(writes())).toEqual(new Set(all.map((key) => `apply ${key}`))));
    await eventually(made, () => expect(made.own.length).toBe(2));
  });

  test("compiles that say the same, and those that bring one more, look at no other", async () => {
    const made = restarted();
    const { clock, controller, log, looked, turns } = made;
    controller.setIdentities(plan, many.slice(1));
    await eventually(made, () => expect(looked().length).toBeGreaterThanOrEqual(many.length - 1));
    await clock.advance(1000);
    log.length = 0;
    const before = await turns();
    controller.setIdentities({ ...plan }, [...many.slice(1)]);
    await clock.advance(1000);
    expect([log, await turns()]).toEqual([[], before]);
    controller.setIdentities(plan, many);
    await clock.advance(1000);
    expect(new Set(looked())).toEqual(new Set([`look ${secretKey(many[0] as (typeof many)[0])}`]));
  });

  test("thousands are looked at ten milliseconds at a time, also when each is seen by itself", async () => {
    const made = restarted();
    const { clock, controller, looked, state } = made;
    controller.setIdentities(plan, many);
    await eventually(made, () => expect(looked().length).toBeGreaterThanOrEqual(many.length));
    await clock.advance(1000);
    const observeEach = (): void => {
      for (const identity of many) controller.observe(secretKey(identity));
    };
    for (const all of [controller.resync, observeEach]) {
      made.log.length = 0;
      state.look = 1;
      all();
      expect(looked().length).toBeLessThanOrEqual(10);
      state.look = 0;
      await clock.advance(1);
      expect(looked().length).toBe(many.length);
    }
  });

  test("one that cannot be looked at is said and tried again, and is in nobody's way", async () => {
    const made = restarted();
    const { clock, controller, errors, looked, state } = made;
    state.broken = secretKey(many[3] as (typeof many)[0]);
    controller.setIdentities(plan, many);
    await eventually(made, () => expect(looked().length).toBeGreaterThanOrEqual(many.length));
    await clock.advance(1000);
    expect(new Set(looked()).size).toBe(many.length);
    expect(new Set(errors)).toEqual(new Set([`${state.broken}: Error: broken`]));
    const before = errors.length;
    await clock.advance(60_000);
    expect(errors.length).toBeGreaterThan(before);
  });

  test("what somebody damages is put back; one that nobody needs goes a minute later; none without the lead", async () => {
    const made = restarted();
    const { clock, controller, log, looked, state, stored, see, turns, writes } = made;
    const [damaged = "", needless = ""] = many.map(secretKey);
    controller.setIdentities(plan, many);
    await eventually(made, () => expect(looked().length).toBeGreaterThanOrEqual(many.length));
    await clock.advance(1000);
    state.leads = false;
    const before = await turns();
    const good = stored.get(damaged);
    if (good === undefined) throw new Error("it is not there");
    stored.set(damaged, { ...good, metadata: { ...good.metadata, resourceVersion: "x" }, data: {} });
    see(damaged);
    controller.setIdentities(
      plan,
      many.filter((identity) => secretKey(identity) !== needless),
    );
    await clock.advance(120_000);
    expect([writes(), await turns()]).toEqual([[], before]);
    state.leads = true;
    controller.resync();
    await eventually(made, () => expect(writes()).toEqual([`apply ${damaged}`]));
    expect(log).toContain("IdentityReplaced heddle-identity-sa-0");
    await clock.advance(59_000);
    expect(writes().length).toBe(1);
    await clock.advance(2000);
    await eventually(made, () => expect(writes().slice(1)).toEqual([`delete ${needless}`]));
  });
});

test("at a first start the authority is made, then the operator's own certificate, then the webhook's, then identities", async () => {
  const made = world();
  const { controller, log, writes } = made;
  const identities = identitiesOf(30);
  controller.setIdentities(plan, identities);
  await eventually(made, () => expect(writes().length).toBe(32));
  const order = log.filter((entry) => !entry.startsWith("look "));
  expect(order.slice(0, 2)).toEqual(["create heddle-system/heddle-ca", "own"]);
  expect(order[2]).toMatch(/^create /);
  expect(order.slice(0, 7)).toContain("create heddle-system/heddle-webhook");
  expect(new Set(writes().slice(1))).toEqual(
    new Set(["heddle-system/heddle-webhook", ...identities.map(secretKey)].map((key) => `create ${key}`)),
  );
});

test("a new pod's identity goes before renewals that wait", async () => {
  const made = world();
  const { controller, stored, observed, writes } = made;
  const renewed = identitiesOf(100);
  controller.setIdentities(plan, identitiesOf(1, 900));
  await eventually(made, () => expect(writes().length).toBe(3));
  const [pattern] = [...stored].filter(([key]) => key.startsWith("shop/")).map(([, secret]) => secret);
  if (pattern === undefined) throw new Error("it is not there");
  // Of another name each: all are to be issued anew.
  for (const identity of renewed) {
    const key = secretKey(identity);
    const secret = { ...pattern, metadata: { ...pattern.metadata, name: key.slice(5) } };
    stored.set(key, secret);
    observed.set(key, secret);
  }
  made.log.length = 0;
  controller.setIdentities(plan, [...renewed, ...identitiesOf(1, 999)]);
  await eventually(made, () => expect(writes()).toContain("create shop/heddle-identity-sa-999"));
  // Only what was under way by then.
  expect(writes().indexOf("create shop/heddle-identity-sa-999")).toBeLessThan(10);
});

test("what the watch shows before a write is answered counts once it is answered", async () => {
  const made = world();
  const { controller, clock, state } = made;
  const answer = Promise.withResolvers<void>();
  state.answer = answer.promise;
  const issuer = { name: "mesh", kind: "ClusterIssuer", group: "cert-manager.io" };
  const said = () => controller.faults.find(({ key }) => key === "shop/heddle-identity-sa-0")?.message;
  controller.setIdentities({ ...plan, provider: { kind: "CertManager", issuer } }, identitiesOf(1));
  await clock.advance(100);
  answer.resolve();
  await clock.advance(1000);
  expect(said()).toContain("cert-manager has not looked at it yet");
});
