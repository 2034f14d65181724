/** What keeps thousands of streams small: turns, names and bytes that they share, requests without what nobody reads. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DeltaDiscoveryRequestSchema } from "../../../src/envoy/generated/envoy/service/discovery/v3/discovery_pb.js";
import { typeUrls } from "../../../src/envoy/resource.ts";
import { encodeResponse } from "../../../src/xds/frames.ts";
import { createNameSets } from "../../../src/xds/name-sets.ts";
import { createResourceIndex } from "../../../src/xds/references.ts";
import { decodeRequest } from "../../../src/xds/requests.ts";
import { createRunBytes, minRun } from "../../../src/xds/runs.ts";
import { Session } from "../../../src/xds/session.ts";
import { createTurns } from "../../../src/xds/turns.ts";
import { Driver } from "./driver.ts";
import { cluster, request, target } from "./fixtures.ts";

describe("turns", () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate"] }));
  afterEach(() => vi.useRealTimers());
  const begun: string[] = [];
  const overs = new Map<string, () => void>();
  const taker = (limits: Parameters<typeof createTurns>[0]) => {
    begun.length = 0;
    overs.clear();
    const turns = createTurns(limits);
    const take = (name: string, identity = name) =>
      turns.take(identity, (over) => {
        begun.push(name);
        overs.set(name, over);
      });
    return { turns, take };
  };

  test("so many at once, the others in their order as turns end", () => {
    const { take } = taker({ turns: 2, turnsOfIdentity: 2, turnMs: 1000 });
    for (const name of ["a", "b", "c", "d"]) take(name);
    expect(begun).toEqual(["a", "b"]);
    overs.get("b")?.();
    overs.get("b")?.();
    vi.runAllTicks();
    vi.advanceTimersToNextTimer();
    expect(begun).toEqual(["a", "b", "c"]);
  });

  test("an identity that has all of its turns keeps nobody else waiting", () => {
    const { take } = taker({ turns: 3, turnsOfIdentity: 1, turnMs: 1000 });
    for (const name of ["a1", "a2", "b1"]) take(name, name[0]);
    expect(begun).toEqual(["a1", "b1"]);
  });

  test("a turn is over after its time, and whoever goes gives up its place", () => {
    const { take } = taker({ turns: 1, turnsOfIdentity: 1, turnMs: 1000 });
    take("a");
    const leave = take("b");
    take("c");
    leave();
    vi.advanceTimersByTime(1001);
    expect(begun).toEqual(["a", "c"]);
  });

  test("who goes in its turn ends it", () => {
    const { take } = taker({ turns: 1, turnsOfIdentity: 1, turnMs: 1000 });
    const leave = take("a");
    take("b");
    leave();
    vi.advanceTimersByTime(1);
    expect(begun).toEqual(["a", "b"]);
  });

  test("opened, all begin", () => {
    const { turns, take } = taker({ turns: 1, turnsOfIdentity: 1, turnMs: 1000 });
    for (const name of ["a", "b", "c"]) take(name);
    turns.open();
    take("d");
    expect(begun).toEqual(["a", "b", "c", "d"]);
  });
});

describe("names that streams share", () => {
  test("equal sets are one, in whatever order they came", () => {
    const { shared } = createNameSets();
    const one = shared(new Set(["a", "b", "constructor"]));
    expect(shared(new Set(["constructor", "b", "a"]))).toBe(one);
    expect(shared(new Set(["a", "b"]))).toEqual(new Set(["a", "b"]));
    expect(shared(new Set(["a", "b", "c"]))).toEqual(new Set(["a", "b", "c"]));
    expect(one).toEqual(new Set(["a", "b", "constructor"]));
  });

  test("one session's subscription changes no other's", () => {
    const known = target([cluster("a"), cluster("b")]);
    const index = createResourceIndex();
    const [first, second] = [new Session(known, index), new Session(known, index)];
    for (const session of [first, second])
      session.onRequest(request("endpoint", { resourceNamesSubscribe: ["a", "b"] }));
    expect(first.types.endpoint.subscribed).toBe(second.types.endpoint.subscribed);
    first.onRequest(request("endpoint", { resourceNamesUnsubscribe: ["a"] }));
    expect(first.types.endpoint.subscribed).toEqual(new Set(["b"]));
    expect(second.types.endpoint.subscribed).toEqual(new Set(["a", "b"]));
  });
});

test("a request is read without the extensions of its node, and what its sender has as a map, wherever they stand", () => {
  const extensions = [{ name: "envoy.filters.http.router", typeUrls: ["a.b.C"] }];
  const node = { id: "a/b/c", userAgentName: "envoy", cluster: "x" };
  const others = { typeUrl: typeUrls.cluster, resourceNamesSubscribe: ["*"], responseNonce: "n" };
  const versions = { a: "1", b: "", "": "2", ["__proto__"]: "3", "\u00e9\u{1f600}": "4" };
  const message = create(DeltaDiscoveryRequestSchema, {
    ...others,
    node: { ...node, extensions },
    initialResourceVersions: versions,
  });
  const bytes = toBinary(DeltaDiscoveryRequestSchema, message);
  const short = create(DeltaDiscoveryRequestSchema, { ...others, node });
  expect(decodeRequest(bytes)).toEqual({ ...short, initialResourceVersions: new Map(Object.entries(versions)) });
  expect(decodeRequest(toBinary(DeltaDiscoveryRequestSchema, short))).toEqual({
    ...short,
    initialResourceVersions: new Map(),
  });
  for (let end = 1; end < bytes.length; end++) {
    // Cut between two fields it is a message with fewer of them.
    const isMessage = (() => {
      try {
        return fromBinary(DeltaDiscoveryRequestSchema, bytes.subarray(0, end)) !== undefined;
      } catch {
        return false;
      }
    })();
    if (isMessage) expect(() => decodeRequest(bytes.subarray(0, end))).not.toThrow();
    else expect(() => decodeRequest(bytes.subarray(0, end))).toThrow("not a DeltaDiscoveryRequest");
  }
});

test("many resources are in the target's order, their bytes are one buffer for all proxies, and no others", () => {
  const clusters = Array.from({ length: minRun + 1 }, (_, index) => cluster(`c${index}`));
  const all = target(clusters);
  const runs = createRunBytes();
  const responses = [1, 2].map(() => {
    const [response] = new Driver(all).session.onRequest(request("cluster"));
    if (response === undefined) throw new Error("nothing was sent");
    return response;
  });
  const [first, second] = responses.map((response) => encodeResponse(response, "v", runs));
  expect(responses[0]?.runs).toHaveLength(1);
  expect(first).toHaveLength(2);
  expect(first?.[1]).toBe(second?.[1]);
  const [response] = responses;
  if (response === undefined) throw new Error("nothing was sent");
  expect(Buffer.concat(first ?? [])).toEqual(Buffer.concat(encodeResponse({ ...response, runs: [] }, "v", runs)));
});
