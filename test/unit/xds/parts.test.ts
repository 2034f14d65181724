import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { encodeResource } from "../../../src/envoy/encode.ts";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
} from "../../../src/envoy/generated/envoy/service/discovery/v3/discovery_pb.js";
import { typeUrls } from "../../../src/envoy/resource.ts";
import { admit, parseNodeId } from "../../../src/xds/admission.ts";
import { encodeResponse, encodeStatusMessage, FrameReader } from "../../../src/xds/frames.ts";
import { createLedger } from "../../../src/xds/ledger.ts";
import { normalizeAddress, onlyURI } from "../../../src/xds/peer.ts";
import { createResourceIndex } from "../../../src/xds/references.ts";
import { decodeRequest } from "../../../src/xds/requests.ts";
import { Session } from "../../../src/xds/session.ts";
import { createTestCA, rawURIs } from "../../xds/certificates.ts";
import { cluster, request, target } from "./fixtures.ts";

describe("frames", () => {
  test("a response is what protobuf says it is", () => {
    const resources = ["a", "b"].map((name) => encodeResource("cluster", name, { name, connectTimeout: "1s" }));
    const removed = ["c", "d".repeat(200), "e".repeat(20_000)];
    const pieces = encodeResponse(
      { type: "cluster", typeUrl: typeUrls.cluster, nonce: "1f", resources, removed, runs: [] },
      "v1",
    );
    expect(pieces.slice(1)).toEqual(resources.map(({ wire }) => wire));
    expect(pieces[1]).toBe(resources[0]?.wire);
    const [message = new Uint8Array()] = new FrameReader(1e6).push(Buffer.concat(pieces));
    const decoded = fromBinary(DeltaDiscoveryResponseSchema, message);
    expect(decoded).toMatchObject({
      nonce: "1f",
      typeUrl: typeUrls.cluster,
      systemVersionInfo: "v1",
      removedResources: removed,
    });
    expect(decoded.resources.map(({ name, version }) => [name, version])).toEqual(
      resources.map(({ name, version }) => [name, version]),
    );
    expect(decoded.$unknown ?? []).toEqual([]);
  });

  test.each([1, 2, 3, 7, 64, 1_000_000])("messages are found in pieces of %i bytes", (size) => {
    const messages = ["", "x", "hello", "y".repeat(3_000)];
    const bytes = Buffer.concat(
      messages.map((text) => {
        const prefix = Buffer.alloc(5);
        prefix.writeUInt32BE(text.length, 1);
        return Buffer.concat([prefix, Buffer.from(text)]);
      }),
    );
    const reader = new FrameReader(3_000);
    const found: string[] = [];
    for (let offset = 0; offset < bytes.length; offset += size) {
      for (const message of reader.push(bytes.subarray(offset, offset + size)))
        found.push(Buffer.from(message).toString());
    }
    expect(found).toEqual(messages);
  });

  test("a message over the limit is refused before it is there", () => {
    expect(() => [...new FrameReader(10).push(Buffer.from([0, 0, 0, 0, 11]))]).toThrow(/limit/);
    expect(() => [...new FrameReader(10).push(Buffer.from([1, 0, 0, 0, 1]))]).toThrow(/compressed/);
  });

  test("a status message survives any text", () => {
    const text = "100 % of pod/ü\n\u0000";
    expect(encodeStatusMessage(text)).toBe("100 %25 of pod/%C3%BC%0A%00");
    expect(decodeURIComponent(encodeStatusMessage(text))).toBe(text);
  });
});

describe("peers", () => {
  test.each([
    ["10.0.0.1", "10.0.0.1"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["::FFFF:0a00:0001", "10.0.0.1"],
    ["fd00:0:0::0001", "fd00::1"],
    ["fe80::1%eth0", "fe80::1"],
    ["::", "::"],
    ["::10.0.0.1", "::a00:1"],
    ["010.0.0.1", undefined],
    ["10.0.0", undefined],
    ["", undefined],
    ["cart", undefined],
    ["::1]/x", undefined],
  ])("the address %j is %j", (address, expected) => {
    expect(normalizeAddress(address)).toBe(expected);
  });

  const der = (pem: string): Buffer => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");

  test("exactly one URI is read from the encoding itself", async () => {
    const ca = await createTestCA();
    const uri = async (names: Parameters<typeof ca.issue>[0]) => onlyURI(der((await ca.issue(names)).cert));
    expect(await uri([{ type: "url", value: "spiffe://x/y" }])).toBe("spiffe://x/y");
    expect(await uri([{ type: "dns", value: "a, URI:spiffe://x/y" }])).toBeUndefined();
    expect(await uri(rawURIs("spiffe://x/y", "spiffe://x/z"))).toBeUndefined();
    expect(await uri(rawURIs("spiffe://x/y\0"))).toBeUndefined();
    expect(await uri(rawURIs("spiffe://x/ÿ"))).toBeUndefined();
    expect(await uri(rawURIs(""))).toBe("");
    expect(await uri(Buffer.from([0x30, 0x05, 0x86, 0x03]))).toBeUndefined();
    expect(onlyURI(der(ca.ca))).toBeUndefined();
  });

  test("a broken encoding is no identity, wherever it breaks", async () => {
    const ca = await createTestCA();
    const good = der((await ca.issue([{ type: "url", value: "spiffe://x/y" }])).cert);
    expect(onlyURI(good)).toBe("spiffe://x/y");
    for (let length = 0; length < good.length; length++) expect(onlyURI(good.subarray(0, length))).toBeUndefined();
    for (let i = 0; i < good.length; i++) {
      const bent = Buffer.from(good);
      bent[i] = (bent[i] ?? 0) ^ 0xff;
      expect(() => onlyURI(bent)).not.toThrow();
    }
    expect(onlyURI(Buffer.concat([good, Buffer.from([0])]))).toBeUndefined();
  });

  test.each(["", "a", "a/b", "a/b/", "/b/c", "a//c", "a/b/c/d", `a/b/${"c".repeat(2_000)}`])(
    "the node id %j is refused",
    (id) => {
      expect(() => parseNodeId(id)).toThrow(/node id/);
    },
  );

  test("admission compares, and never guesses", () => {
    const peer = { identity: "spiffe://cluster.local/ns/shop/sa/cart", address: "127.0.0.1" };
    const named = parseNodeId("shop/cart-1/uid-1");
    const known = target([]);
    expect(admit(peer, named, known)).toBe("yes");
    expect(admit(peer, named, undefined)).toBe("later");
    expect(admit(peer, { ...named, uid: "uid-2" }, known)).toBe("later");
    expect(admit(peer, named, { ...known, addresses: [] })).toBe("later");
    expect(() => admit({ ...peer, identity: undefined }, named, known)).toThrow(/exactly one URI/);
    expect(() => admit({ ...peer, identity: `${peer.identity}x` }, named, known)).toThrow(/runs as/);
    expect(() => admit({ ...peer, address: "127.0.0.2" }, named, known)).toThrow(/127\.0\.0\.2/);
    expect(() => admit({ ...peer, address: "" }, named, { ...known, addresses: [""] })).toThrow(/address/);
  });
});

describe("ledger", () => {
  const session = (): Session => new Session(target([cluster("a")]), createResourceIndex());

  test("keeps what a proxy said last, and forgets pods that are gone", () => {
    let time = 1_000;
    const ledger = createLedger(
      () => time,
      (run) => run(),
    );
    const first = session();
    ledger.connected("shop/a", first);
    const [response] = first.onRequest(request("cluster"));
    first.onRequest(request("cluster", { responseNonce: response?.nonce ?? "" }));
    time = 2_000;
    ledger.connected("shop/a", session());
    ledger.disconnected("shop/a", first);
    expect(ledger.states.get("shop/a")).toMatchObject({ connected: true, since: 1_000 });
    const third = session();
    ledger.connected("shop/a", third);
    time = 3_000;
    ledger.disconnected("shop/a", third);
    ledger.disconnected("shop/a", third);
    expect(ledger.states.get("shop/a")).toMatchObject({ connected: false, since: 3_000 });
    expect(ledger.states.get("shop/a")?.resource("__proto__", "a")).toBeUndefined();
    ledger.retain((pod) => pod === "shop/a");
    expect(ledger.states.size).toBe(1);
    ledger.retain(() => false);
    expect(ledger.states.size).toBe(0);
    expect(ledger.session("shop/a")).toBeUndefined();
  });

  test("tells of several changes at once", () => {
    const deferred: (() => void)[] = [];
    const ledger = createLedger(
      () => 0,
      (run) => deferred.push(run),
    );
    const told: string[][] = [];
    const stop = ledger.onChange((pods) => told.push([...pods]));
    ledger.connected("shop/a", session());
    ledger.changed("shop/a");
    ledger.changed("shop/b");
    expect(told).toEqual([]);
    for (const run of deferred.splice(0)) run();
    expect(told).toEqual([["shop/a", "shop/b"]]);
    ledger.changed("shop/a");
    expect(deferred.length).toBe(1);
    stop();
    for (const run of deferred.splice(0)) run();
    expect(told.length).toBe(1);
  });
});

test("a request that was decoded is what a session takes", () => {
  const message = create(DeltaDiscoveryRequestSchema, {
    typeUrl: typeUrls.cluster,
    initialResourceVersions: { a: "1" },
  });
  const decoded = decodeRequest(toBinary(DeltaDiscoveryRequestSchema, message));
  const [response] = new Session(target([cluster("a")]), createResourceIndex()).onRequest(decoded);
  expect(response?.resources.map(({ name }) => name)).toEqual(["a"]);
});
