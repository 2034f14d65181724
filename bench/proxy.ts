/**
 * One simulated sidecar: a delta ADS stream over mutual TLS with the requests, acknowledgements and delays that Envoy has with
 * our bootstrap. It takes whatever it is sent, keeps names and versions alone, and connects again when its stream ends.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import type { SecureContext } from "node:tls";
import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { NodeSchema } from "../src/envoy/generated/envoy/config/core/v3/base_pb.js";
import { DeltaDiscoveryRequestSchema } from "../src/envoy/generated/envoy/service/discovery/v3/discovery_pb.js";
import { listenerNames } from "../src/envoy/names.ts";
import { type ResourceType, resourceTypes } from "../src/envoy/resource.ts";
import { FrameReader } from "../src/xds/frames.ts";
import { typeOfUrl } from "../src/xds/session.ts";
import { framed, methodPath, nodeOf } from "../test/xds/client.ts";
import {
  after,
  type createResponseReader,
  firstRequest,
  type Held,
  minus,
  namedTypes,
  nothingHeld,
  only,
  requestOf,
  subscription,
} from "./proxy-resources.ts";

/** Milliseconds, of our bootstrap: what a connection may take, between pings, until an answer to one. */
const connectTimeout = 5000;
const ping = { interval: 30_000, timeout: 10_000 };
/** Envoy's jittered backoff with the intervals of our bootstrap, in milliseconds. */
const backoff = { base: 500, most: 5000 };
/** Octets that may be on the way, as Envoy has it. */
const windows = { stream: 16 * 1024 * 1024, connection: 24 * 1024 * 1024 };

/** Envoy says with its first request which extensions it has: 516 of them, 61 kB. */
const extensions = Array.from({ length: 516 }, (_, index) => ({
  name: `envoy.filters.http.extension_${index}`,
  category: "envoy.filters.http",
  typeUrls: [`envoy.extensions.filters.http.extension_${index}.v3.Extension`],
}));
const nodeWithoutId = toBinary(NodeSchema, create(NodeSchema, { ...nodeOf(""), extensions }));

/** Who it is. */
export interface ProxyIdentity {
  /** `namespace/pod/uid`. */
  readonly node: string;
  /** The pod's. */
  readonly address: string;
  readonly credentials: SecureContext;
}

/** What it tells. */
export interface ProxyEvents {
  /** A try to connect begins. */
  connecting(): void;
  /** It ended, or the stream after it. */
  failed(reason: string): void;
  response(type: ResourceType, resources: number, bytes: number): void;
  /** It has everything: readiness, which comes last, was acknowledged. `took`: milliseconds since its last try began. */
  served(took: number): void;
  /** It has acknowledged a resource with a mark. */
  acknowledged(mark: string): void;
}

/** See above. Starts with the first {@link SimulatedProxy.connect}. */
export class SimulatedProxy {
  readonly #identity: ProxyIdentity;
  readonly #port: number;
  readonly #read: ReturnType<typeof createResponseReader>;
  readonly #events: ProxyEvents;
  readonly #held: Record<ResourceType, Held> = {
    cluster: nothingHeld,
    endpoint: nothingHeld,
    listener: nothingHeld,
    route: nothingHeld,
    extension: nothingHeld,
  };
  #interval = backoff.base;
  #stream: ClientHttp2Stream | undefined;
  #startedAt = 0;
  #subscribed = nothingHeld.references;
  /** The acknowledgement of clusters waits until all of them are warm. */
  #warming:
    | { readonly endpoints: ReadonlySet<string>; readonly nonce: string; readonly marks: readonly string[] }
    | undefined;
  #askedForListeners = false;

  constructor(
    identity: ProxyIdentity,
    port: number,
    read: ReturnType<typeof createResponseReader>,
    events: ProxyEvents,
  ) {
    this.#identity = identity;
    this.#port = port;
    this.#read = read;
    this.#events = events;
  }

  connect(): void {
    const { address, credentials } = this.#identity;
    this.#events.connecting();
    this.#startedAt = performance.now();
    const session = connect(`https://127.0.0.1:${this.#port}`, {
      // A field of net.connect, which http2.connect hands on.
      ...{ localAddress: address },
      secureContext: credentials,
      checkServerIdentity: () => undefined,
      settings: { initialWindowSize: windows.stream, enablePush: false },
    });
    let reason = "closed";
    const slow = setTimeout(() => session.destroy(new Error("connect timeout")), connectTimeout);
    let pings: NodeJS.Timeout | undefined;
    session.on("error", (error: Error & { code?: string }) => {
      reason = error.code ?? error.message;
    });
    session.once("connect", () => {
      clearTimeout(slow);
      if (session.destroyed) return;
      session.setLocalWindowSize(windows.connection);
      pings = setInterval(() => this.#ping(session), ping.interval);
      this.#open(session, (why) => {
        reason = why;
        session.destroy();
      });
    });
    session.once("close", () => {
      clearTimeout(slow);
      clearInterval(pings);
      this.#stream = undefined;
      this.#events.failed(reason);
      const delay = Math.random() * this.#interval;
      this.#interval = Math.min(backoff.most, this.#interval * 2);
      setTimeout(() => this.connect(), delay);
    });
  }

  #ping(session: ClientHttp2Session): void {
    const late = setTimeout(() => session.destroy(new Error("ping timeout")), ping.timeout);
    session.ping(() => clearTimeout(late));
  }

  #open(session: ClientHttp2Session, ended: (why: string) => void): void {
    const stream = session.request(
      { ":method": "POST", ":path": methodPath, "content-type": "application/grpc", te: "trailers" },
      { endStream: false },
    );
    this.#stream = stream;
    this.#warming = undefined;
    const reader = new FrameReader(64 * 1024 * 1024);
    let status = "";
    stream.on("trailers", (trailers) => {
      status = `status ${String(trailers["grpc-status"])} ${String(trailers["grpc-message"])}`;
    });
    stream.on("data", (chunk: Buffer) => {
      for (const message of reader.push(chunk)) this.#take(message);
    });
    stream.on("error", (error: Error & { code?: string }) => ended(error.code ?? error.message));
    stream.on("close", () => ended(status || "stream closed"));
    this.#subscribe();
  }

  /** A new stream: all that it has, at once. One that has nothing asks for listeners when it has its clusters. */
  #subscribe(): void {
    const isFirst = this.#held.cluster === nothingHeld;
    this.#askedForListeners = !isFirst;
    this.#stream?.cork();
    for (const type of resourceTypes) {
      const names = this.#namesOf(type);
      const isAsked = type === "cluster" || (type === "listener" ? !isFirst : names.size > 0);
      if (!isAsked) continue;
      const request = firstRequest(type, this.#held[type], names);
      this.#stream?.write(type === "cluster" ? withNode(request, this.#identity.node) : request);
    }
    this.#stream?.uncork();
  }

  #namesOf(type: ResourceType): ReadonlySet<string> {
    return type === "cluster" || type === "listener" ? new Set() : this.#subscribed[type];
  }

  #take(message: Uint8Array): void {
    const { typeUrl, nonce, delta } = this.#read(message);
    const type = typeOfUrl(typeUrl);
    if (type === undefined) throw new Error(`a response of type ${typeUrl}`);
    this.#interval = backoff.base;
    this.#events.response(type, delta.resources.size, message.length);
    this.#held[type] = after(this.#held[type], delta);
    if (type === "cluster" || type === "listener") this.#follow();
    if (type === "cluster") this.#warming = { endpoints: delta.endpoints, nonce, marks: delta.marks };
    else this.#acknowledge(type, nonce, delta.marks);
    if (type === "endpoint" && this.#warming !== undefined)
      this.#warming = { ...this.#warming, endpoints: minus(this.#warming.endpoints, delta.names) };
    this.#warm();
    if (delta.resources.has(listenerNames.readiness)) this.#events.served(performance.now() - this.#startedAt);
  }

  #acknowledge(type: ResourceType, responseNonce: string, marks: readonly string[]): void {
    this.#stream?.write(requestOf(type, { responseNonce }));
    for (const mark of marks) this.#events.acknowledged(mark);
  }

  #warm(): void {
    if (this.#warming === undefined || this.#warming.endpoints.size > 0) return;
    const { nonce, marks } = this.#warming;
    this.#warming = undefined;
    this.#acknowledge("cluster", nonce, marks);
    if (this.#askedForListeners) return;
    this.#askedForListeners = true;
    this.#stream?.write(requestOf("listener", {}));
  }

  /** Asks for what its clusters and listeners refer to, and for nothing else any more. */
  #follow(): void {
    const { cluster, listener } = this.#held;
    const now = {
      endpoint: cluster.references.endpoint,
      route: listener.references.route,
      extension: listener.references.extension,
    };
    for (const type of namedTypes) {
      const request = subscription[type](this.#subscribed[type], now[type]);
      if (request === undefined) continue;
      this.#held[type] = only(this.#held[type], now[type]);
      this.#stream?.write(request);
    }
    this.#subscribed = now;
  }
}

/** A first request with the node in front, which says who asks and what it is. */
function withNode(request: Buffer, id: string): Buffer {
  const own = toBinary(NodeSchema, create(NodeSchema, { id }));
  const field = DeltaDiscoveryRequestSchema.field.node.number;
  const node = new BinaryWriter()
    .tag(field, WireType.LengthDelimited)
    .bytes(Buffer.concat([own, nodeWithoutId]))
    .finish();
  return framed(Buffer.concat([node, request.subarray(5)]));
}
