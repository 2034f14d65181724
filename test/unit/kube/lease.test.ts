import { describe, expect, test } from "vitest";
import type { KubeClient } from "../../../src/kube/client.ts";
import { errorOfConnection, errorOfStatus } from "../../../src/kube/error.ts";
import {
  createLeaderElection,
  decide,
  type LeaderElection,
  type LeaderElectionOptions,
  microTime,
  observe,
} from "../../../src/kube/lease.ts";
import type { Lease } from "../../../src/kube/objects.ts";
import { createFakeClock, type FakeClock, settle } from "../../support/fake-clock.ts";

const lease = (spec: Lease["spec"]): Lease => ({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: "heddle", namespace: "heddle-system", resourceVersion: "1" },
  ...(spec === undefined ? {} : { spec }),
});

describe("the decision about a lease", () => {
  const seen = { content: "x", at: 1_000 };
  const other = lease({ holderIdentity: "b", leaseDurationSeconds: 15, renewTime: "1999-01-01T00:00:00.000000Z" });

  test.each([
    ["there is none", undefined, 0, "create"],
    ["it is ours", lease({ holderIdentity: "a" }), 0, "renew"],
    ["it was released", lease({ holderIdentity: "", leaseDurationSeconds: 1 }), 1_001, "take"],
    ["nobody ever held it", lease(undefined), 1_001, "take"],
    ["the holder is fresh, whatever its clock says", other, 15_999, "wait"],
    ["the holder was silent for the lease's duration", other, 16_000, "take"],
    ["it does not say its duration: ours counts", lease({ holderIdentity: "b" }), 10_999, "wait"],
    ["it does not say its duration, and ours is over", lease({ holderIdentity: "b" }), 11_000, "take"],
    ["it says a longer duration than ours", lease({ holderIdentity: "b", leaseDurationSeconds: 60 }), 60_999, "wait"],
  ])("%s", (_, current, now, expected) => {
    expect(decide(current, seen, "a", now, 10_000)).toBe(expected);
  });

  test("counts from when the content was seen to change, on the local clock", () => {
    const first = observe({ content: "", at: 0 }, other, 5_000);
    expect(first.at).toBe(5_000);
    expect(observe(first, lease(other.spec), 9_000)).toBe(first);
    const renewed = lease({ ...other.spec, renewTime: "1999-01-01T00:00:02.000000Z" });
    expect(observe(first, renewed, 9_000).at).toBe(9_000);
  });
});

/** The API server's lease, and its faults. */
function createServer() {
  let stored: Lease | undefined;
  let version = 0;
  let broken: (() => Promise<never>) | undefined;
  const writes: { readonly holder: string; readonly resourceVersion: string | undefined }[] = [];
  const store = (object: Lease): Lease => {
    version += 1;
    writes.push({
      holder: object.spec?.holderIdentity ?? "",
      resourceVersion: object.metadata.resourceVersion,
    });
    stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    return structuredClone(stored);
  };
  const status = (code: number) => errorOfStatus("lease", code, { code });
  const client = {
    get: async () => {
      if (broken) return await broken();
      if (stored === undefined) throw status(404);
      return structuredClone(stored);
    },
    create: async (_: unknown, object: Lease) => {
      if (broken) return await broken();
      if (stored !== undefined) throw status(409);
      return store(object);
    },
    replace: async (_: unknown, object: Lease) => {
      if (broken) return await broken();
      if (stored === undefined) throw status(404);
      if (object.metadata.resourceVersion !== stored.metadata.resourceVersion) throw status(409);
      return store(object);
    },
  } as unknown as LeaderElectionOptions["client"] & KubeClient;
  return {
    client,
    writes,
    get lease() {
      return stored;
    },
    edit: (spec: Lease["spec"]) => {
      store(lease({ ...stored?.spec, ...spec }));
    },
    remove: () => {
      stored = undefined;
    },
    break: (how: (() => Promise<never>) | undefined) => {
      broken = how;
    },
  };
}

interface Candidate {
  readonly election: LeaderElection;
  readonly log: string[];
}

function candidate(
  server: ReturnType<typeof createServer>,
  clock: FakeClock,
  identity: string,
  more: Partial<LeaderElectionOptions> = {},
): Candidate {
  const log: string[] = [];
  const election = createLeaderElection({
    client: server.client,
    lease: { name: "heddle", namespace: "heddle-system" },
    identity,
    onStarted: () => void log.push("started"),
    onStopped: () => void log.push("stopped"),
    onLeader: (leader) => log.push(`leader ${leader}`),
    onError: () => log.push("error"),
    clock,
    random: () => 0,
    ...more,
  });
  return { election, log };
}

const unreachable = async (): Promise<never> => {
  throw errorOfConnection("lease", "Unreachable", "down");
};

describe("leader election", () => {
  test("the first creates the lease and renews it each period", async () => {
    const [server, clock] = [createServer(), createFakeClock()];
    const { election, log } = candidate(server, clock, "a");
    election.start();
    await settle();
    expect(server.lease?.spec).toEqual({
      holderIdentity: "a",
      leaseDurationSeconds: 15,
      acquireTime: "2026-01-01T00:00:00.000000Z",
      renewTime: "2026-01-01T00:00:00.000000Z",
      leaseTransitions: 0,
    });
    await clock.advance(10_000);
    expect(server.writes).toHaveLength(6);
    expect(server.lease?.spec).toMatchObject({
      acquireTime: "2026-01-01T00:00:00.000000Z",
      renewTime: "2026-01-01T00:00:10.000000Z",
      leaseTransitions: 0,
    });
    expect(log).toEqual(["leader a", "started"]);
    expect([election.leading, election.leader]).toEqual([true, "a"]);
    await election.stop();
  });

  test("the second waits, and takes over at once when the first releases it", async () => {
    const [server, clock] = [createServer(), createFakeClock()];
    const [a, b] = [candidate(server, clock, "a"), candidate(server, clock, "b")];
    a.election.start();
    await settle();
    b.election.start();
    await clock.advance(60_000);
    expect(b.log).toEqual(["leader a"]);
    await a.election.stop();
    expect(a.log).toEqual(["leader a", "started", "leader ", "stopped"]);
    expect(server.lease?.spec).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1 });
    await clock.advance(2_000);
    expect(b.log).toEqual(["leader a", "leader b", "started"]);
    expect(server.lease?.spec?.leaseTransitions).toBe(1);
    await b.election.stop();
  });

  test("a leader that vanishes is followed after the lease's duration, not before", async () => {
    const [server, clock] = [createServer(), createFakeClock()];
    server.edit({ holderIdentity: "gone", leaseDurationSeconds: 15, leaseTransitions: 4 });
    const { election, log } = candidate(server, clock, "b");
    election.start();
    await clock.advance(14_900);
    expect(log).toEqual(["leader gone"]);
    await clock.advance(2_000);
    expect(log).toEqual(["leader gone", "leader b", "started"]);
    expect(server.lease?.spec?.leaseTransitions).toBe(5);
    await election.stop();
  });

  test("a leader that cannot renew stops before anyone else may start", async () => {
    const [server, clock] = [createServer(), createFakeClock()];
    const a = candidate(server, clock, "a");
    a.election.start();
    await clock.advance(4_000);
    server.break(unreachable);
    await clock.advance(9_900);
    expect(a.election.leading).toBe(true);
    await clock.advance(200);
    expect(a.election.leading).toBe(false);
    expect(a.log.filter((entry) => entry !== "error")).toEqual(["leader a", "started", "leader ", "stopped"]);
    server.break(undefined);
    await clock.advance(3_000);
    expect(a.log.at(-1)).toBe("started");
    await a.election.stop();
  });

  test("a leader whose requests hang stops leading by the clock", async () => {
    const [server, clock] = [createServer(), createFakeClock()];
    const a = candidate(server, clock, "a");
    a.election.start();
    await clock.advance(1_000);
    server.break(() => new Promise<never>(() => {}));
    await clock.advance(8_999);
    expect(a.election.leading).toBe(true);
    await clock.advance(1);
    expect(a.election.leading).toBe(false);
  });

  test("a process that was stopped for long ends its term before it writes again", async () => {
    const [server, fake] = [createServer(), createFakeClock()];
    let skipped = 0;
    // Timers of a stopped process fire late: time has gone on without them.
    const clock: FakeClock = { ...fake, monotonic: () => fake.monotonic() + skipped, now: () => fake.now() + skipped };
    const a = candidate(server, clock, "a");
    a.election.start();
    await fake.advance(100);
    skipped = 20_000;
    expect(a.election.leading).toBe(false);
    server.edit({ holderIdentity: "b", leaseDurationSeconds: 15 });
    const count = server.writes.length;
    await fake.advance(2_000);
    expect(a.log).toEqual(["leader a", "started", "leader ", "stopped", "leader b"]);
    expect(server.writes).toHaveLength(count);
    await a.election.stop();
    expect(server.lease?.spec?.holderIdentity).toBe("b");
  });

  test("a leader whose lease someone else holds stops at once", async () => {
    const [server, clock] = [createServer(), createFakeClock()];
    const a = candidate(server, clock, "a");
    a.election.start();
    await clock.advance(1_000);
    server.edit({ holderIdentity: "b", leaseDurationSeconds: 15 });
    await clock.advance(1_000);
    expect(a.log).toEqual(["leader a", "started", "leader b", "stopped"]);
    await a.election.stop();
    expect(server.lease?.spec?.holderIdentity).toBe("b");
  });

  test("a leader whose lease was edited or deleted goes on leading", async () => {
    const [server, clock] = [createServer(), createFakeClock()];
    const a = candidate(server, clock, "a");
    a.election.start();
    await clock.advance(1_000);
    server.edit({ leaseTransitions: 7 });
    await clock.advance(2_000);
    expect(server.lease?.spec).toMatchObject({ holderIdentity: "a", leaseTransitions: 7 });
    server.remove();
    await clock.advance(2_000);
    expect(server.lease?.spec?.holderIdentity).toBe("a");
    expect(a.log).toEqual(["leader a", "started"]);
    await a.election.stop();
  });

  test("of two that take a lease at once one wins", async () => {
    const [server, clock] = [createServer(), createFakeClock()];
    server.edit({ holderIdentity: "", leaseDurationSeconds: 1 });
    const both = ["a", "b"].map((identity) => candidate(server, clock, identity));
    for (const { election } of both) election.start();
    await settle();
    expect(both.filter(({ election }) => election.leading)).toHaveLength(1);
    await clock.advance(60_000);
    expect(both.filter(({ log }) => log.includes("started"))).toHaveLength(1);
    await Promise.all(both.map(({ election }) => election.stop()));
  });

  test("releases the lease only after what the leader did has ended", async () => {
    const [server, clock] = [createServer(), createFakeClock()];
    const ended = Promise.withResolvers<void>();
    const a = candidate(server, clock, "a", { onStopped: () => ended.promise });
    a.election.start();
    await settle();
    const stopping = a.election.stop();
    await settle();
    expect(server.lease?.spec?.holderIdentity).toBe("a");
    ended.resolve();
    await stopping;
    expect(server.lease?.spec?.holderIdentity).toBe("");
  });

  test("releases a lease that was written since it was last seen, and leaves one that is another's", async () => {
    for (const [holder, left] of [
      ["a", ""],
      ["b", "b"],
    ] as const) {
      const [server, clock] = [createServer(), createFakeClock()];
      const a = candidate(server, clock, "a");
      a.election.start();
      await settle();
      server.edit({ holderIdentity: holder });
      await a.election.stop();
      expect(server.lease?.spec?.holderIdentity).toBe(left);
    }
  });

  test("does not release a lease whose leader does not end", async () => {
    const [server, clock] = [createServer(), createFakeClock()];
    const a = candidate(server, clock, "a", { onStopped: () => new Promise<void>(() => {}) });
    a.election.start();
    await settle();
    const stopping = a.election.stop();
    await clock.advance(10_000);
    await stopping;
    expect(server.lease?.spec?.holderIdentity).toBe("a");
  });

  test("survives callbacks that throw, and stops without a server", async () => {
    const [server, clock] = [createServer(), createFakeClock()];
    const fail = (): never => {
      throw new Error("mine");
    };
    const a = candidate(server, clock, "a", { onStarted: fail, onStopped: fail, onLeader: fail, onError: fail });
    a.election.start();
    await clock.advance(5_000);
    expect(a.election.leading).toBe(true);
    server.break(unreachable);
    await a.election.stop();
    expect(a.election.leading).toBe(false);
  });

  test("refuses times that would let two lead", () => {
    const [server, clock] = [createServer(), createFakeClock()];
    expect(() => candidate(server, clock, "a", { renewDeadline: 15_000 })).toThrow("must hold");
  });
});

test("MicroTime has six digits after the second", () => {
  expect(microTime(Date.UTC(2026, 0, 2, 3, 4, 5, 6))).toBe("2026-01-02T03:04:05.006000Z");
});
