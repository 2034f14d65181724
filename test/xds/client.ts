/** A delta ADS client on node:http2. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from "node:http2";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from "../../src/envoy/generated/envoy/service/discovery/v3/discovery_pb.js";
import { type ResourceType, typeUrls } from "../../src/envoy/resource.ts";
import { FrameReader } from "../../src/xds/frames.ts";
import type { Pair } from "./certificates.ts";

export const methodPath = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

/** Waits until something holds; fails with what `describe` says after the deadline. */
export async function until(what: string, holds: () => boolean, deadlineMs = 5_000): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`timed out: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export interface ClientOptions {
  readonly port: number;
  readonly credentials: Pair;
  readonly ca: string;
  readonly localAddress?: string;
  /** Octets that the server may have on the way. */
  readonly window?: number;
  /** Told of each response as it comes. */
  readonly onResponse?: (response: DeltaDiscoveryResponse) => void;
}

/** A frame of gRPC around a message. */
export function framed(message: Uint8Array, compressed = 0): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame[0] = compressed;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

export const encodeRequest = (request: MessageInitShape<typeof DeltaDiscoveryRequestSchema>): Buffer =>
  framed(toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, request)));

/** What Envoy says of itself in its first request. */
export const nodeOf = (id: string, version: readonly [number, number, number] = [1, 40, 0]) => {
  const [majorNumber, minorNumber, patch] = version;
  return {
    id,
    userAgentName: "envoy",
    userAgentVersionType: {
      case: "userAgentBuildVersion" as const,
      value: { version: { majorNumber, minorNumber, patch } },
    },
  };
};

export class TestClient {
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
  readonly responses: DeltaDiscoveryResponse[] = [];
  readonly errors: Error[] = [];
  headers: IncomingHttpHeaders | undefined;
  trailers: IncomingHttpHeaders | undefined;
  closed = false;

  constructor(options: ClientOptions, headers: Record<string, string> = {}) {
    this.session = connect(`https://127.0.0.1:${options.port}`, {
      ...options.credentials,
      ca: options.ca,
      checkServerIdentity: () => undefined,
      maxSendHeaderBlockLength: 1024 * 1024,
      ...(options.localAddress !== undefined && { localAddress: options.localAddress }),
      settings: { initialWindowSize: options.window ?? 16 * 1024 * 1024 },
    });
    this.session.on("error", (error: Error) => this.errors.push(error));
    this.stream = this.session.request(
      { ":method": "POST", ":path": methodPath, "content-type": "application/grpc", te: "trailers", ...headers },
      { endStream: false },
    );
    const reader = new FrameReader(64 * 1024 * 1024);
    this.stream.on("response", (received) => {
      this.headers = received;
      if (received["grpc-status"] !== undefined) this.trailers = received;
    });
    this.stream.on("trailers", (received: IncomingHttpHeaders) => {
      this.trailers = received;
      this.stream.end();
    });
    this.stream.on("data", (chunk: Buffer) => {
      for (const message of reader.push(chunk)) {
        const response = fromBinary(DeltaDiscoveryResponseSchema, message);
        this.responses.push(response);
        options.onResponse?.(response);
      }
    });
    this.stream.on("error", (error: Error) => this.errors.push(error));
    this.stream.on("close", () => {
      this.closed = true;
    });
  }

  get disconnected(): boolean {
    return this.session.destroyed || this.session.closed;
  }

  get status(): string | undefined {
    const status = this.trailers?.["grpc-status"];
    return Array.isArray(status) ? status[0] : status;
  }

  get message(): string {
    return decodeURIComponent(String(this.trailers?.["grpc-message"] ?? ""));
  }

  subscribe(type: ResourceType, names: readonly string[] = [], node?: string): void {
    this.stream.write(
      encodeRequest({
        typeUrl: typeUrls[type],
        resourceNamesSubscribe: [...names],
        ...(node !== undefined && { node: nodeOf(node) }),
      }),
    );
  }

  answer(response: DeltaDiscoveryResponse, error?: string): void {
    this.stream.write(
      encodeRequest({
        typeUrl: response.typeUrl,
        responseNonce: response.nonce,
        ...(error !== undefined && { errorDetail: { message: error } }),
      }),
    );
  }

  async next(count: number): Promise<DeltaDiscoveryResponse> {
    await until(`response ${count} (status ${this.status} ${this.message})`, () => this.responses.length >= count);
    const response = this.responses[count - 1];
    if (response === undefined) throw new Error("no response");
    return response;
  }

  async ended(): Promise<string | undefined> {
    await until("the end of the stream", () => this.closed || this.trailers !== undefined);
    return this.status;
  }

  close(): void {
    this.stream.close(constants.NGHTTP2_CANCEL);
    this.session.destroy();
  }
}
