import { constants, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { ResourceType } from "../envoy/resource.ts";
import type { Peer } from "./admission.ts";
import type { Connection } from "./connections.ts";
import { encodeResponse, encodeStatusMessage, FrameReader } from "./frames.ts";
import { Outgoing } from "./outgoing.ts";
import { decodeRequest, type NodeRequest } from "./requests.ts";
import type { RunBytes } from "./runs.ts";
import type { Session } from "./session.ts";
import { refusalMessage, typeOfUrl } from "./session.ts";
import type { DiscoveryResponse, GrpcStatus, XdsMetrics } from "./types.ts";
import { grpcStatus, StreamError } from "./types.ts";

/** What a stream tells the server. */
export interface StreamEvents {
  /** The first request; the stream reads no more until {@link AdsStream.open}. A thrown {@link StreamError} ends the stream. */
  first(stream: AdsStream, request: NodeRequest): void;
  /** The proxy acknowledged or refused something, or subscribed to it. */
  changed(stream: AdsStream): void;
  /** The proxy refused a response. */
  refused(stream: AdsStream, type: ResourceType, message: string): void;
  /** The stream broke a rule and is ended with this error. */
  denied(stream: AdsStream, error: StreamError): void;
  /** The stream is gone; told once. */
  closed(stream: AdsStream): void;
  /** Something failed that is a defect of ours. */
  failed(stream: AdsStream, error: unknown): void;
}

/** Bounds of one stream. */
export interface StreamLimits {
  /** Bytes of one request. */
  readonly requestBytes: number;
  /** Requests at once, and each second after that. */
  readonly requestBurst: number;
  readonly requestsPerSecond: number;
}

/** Milliseconds in which a proxy must take the end of its stream before the stream is cut. */
const endGraceMs = 5_000;

/**
 * One delta ADS stream: gRPC over an HTTP/2 stream. Responses are written as the session gives them; at most one of each
 * type is unacknowledged, and no request is read while a written response is not on its way, so that a proxy which reads
 * slowly, or acknowledges without reading, costs bounded memory.
 */
export class AdsStream {
  /** The HTTP/2 connection that it belongs to. */
  readonly connection: ServerHttp2Session;
  readonly peer: Peer;
  readonly #http2: ServerHttp2Stream;
  readonly #events: StreamEvents;
  readonly #metrics: XdsMetrics;
  readonly #limits: StreamLimits;
  readonly #now: () => number;
  readonly #runs: RunBytes;
  readonly #outgoing: Outgoing;
  readonly #frames: FrameReader;
  /** Requests that came before the proxy was admitted, or while it takes no more bytes; no more are read meanwhile. */
  readonly #queue: NodeRequest[] = [];
  #session: Session | undefined;
  #pod: string | undefined;
  #version = "";
  #sawFirst = false;
  #ended = false;
  #closed = false;
  #status: { readonly code: GrpcStatus; readonly message: string } = { code: grpcStatus.ok, message: "" };
  #budget: number;
  #budgetAt: number;

  constructor(
    http2: ServerHttp2Stream,
    connection: Connection,
    events: StreamEvents,
    metrics: XdsMetrics,
    limits: StreamLimits,
    now: () => number,
    runs: RunBytes,
  ) {
    this.#http2 = http2;
    this.connection = connection.http2;
    this.peer = connection.peer;
    this.#events = events;
    this.#metrics = metrics;
    this.#limits = limits;
    this.#now = now;
    this.#runs = runs;
    this.#outgoing = new Outgoing(http2);
    this.#frames = new FrameReader(limits.requestBytes);
    this.#budget = limits.requestBurst;
    this.#budgetAt = now();
    http2.on("wantTrailers", () => {
      const { code, message } = this.#status;
      http2.sendTrailers({ "grpc-status": String(code), "grpc-message": encodeStatusMessage(message) });
    });
    http2.on("error", () => http2.close(constants.NGHTTP2_CANCEL));
    http2.on("close", () => this.#close());
    http2.on("data", (chunk: Buffer) => this.guard(() => this.#read(chunk)));
    http2.on("end", () => this.end(grpcStatus.ok, ""));
    http2.on("drain", () => this.#proceed());
    http2.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  }

  /** The session; undefined until the proxy is admitted. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** The pod that it was admitted as. */
  get pod(): string | undefined {
    return this.#pod;
  }

  get isClosed(): boolean {
    return this.#closed || this.#ended;
  }

  /** Admits the proxy: its requests are answered from now on. `version` is shown by Envoy beside its configuration. */
  open(pod: string, session: Session, version: string): void {
    this.#pod = pod;
    this.#session = session;
    this.#version = version;
    this.#proceed();
  }

  /** Sends responses of the session. */
  send(responses: readonly DiscoveryResponse[], version: string): void {
    this.#version = version;
    if (this.isClosed || responses.length === 0) return;
    const pieces: Uint8Array[] = [];
    for (const response of responses) {
      const own = encodeResponse(response, this.#version, this.#runs);
      const bytes = own.reduce((sum, { length }) => sum + length, 0);
      this.#metrics.response(response.type, response.resources.length, bytes);
      for (const piece of own) pieces.push(piece);
    }
    this.#outgoing.push(pieces);
  }

  /** Ends the stream with a status. */
  end(code: GrpcStatus, message: string): void {
    if (this.isClosed) return;
    this.#ended = true;
    this.#status = { code, message };
    this.#outgoing.flush();
    this.#http2.end();
    this.#http2.resume();
    setTimeout(() => this.#http2.close(constants.NGHTTP2_CANCEL), endGraceMs).unref();
    this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events.closed(this);
  }

  /** Runs something that may end the stream by throwing. */
  guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (error instanceof StreamError) {
        this.#events.denied(this, error);
        this.end(error.status, error.message);
      } else {
        this.#events.failed(this, error);
        this.end(grpcStatus.unavailable, "internal error");
      }
    }
  }

  #read(chunk: Buffer): void {
    if (this.isClosed) return;
    for (const message of this.#frames.push(chunk)) {
      this.#spend();
      const request = decodeRequest(message);
      this.#queue.push(request);
      if (!this.#sawFirst) {
        this.#sawFirst = true;
        this.#events.first(this, request);
        if (this.isClosed) return;
      }
    }
    this.#proceed();
  }

  /** Answers requests for as long as the proxy takes the answers. */
  #proceed(): void {
    const session = this.#session;
    const mayAnswer = (): boolean => session !== undefined && !this.isClosed && this.#outgoing.isClear;
    this.guard(() => {
      while (session !== undefined && mayAnswer()) {
        const request = this.#queue.shift();
        if (request === undefined) break;
        this.#handle(session, request);
      }
    });
    if (this.isClosed) return;
    // Until the first request is whole, there is nothing to wait for.
    if (mayAnswer() || !this.#sawFirst) this.#http2.resume();
    else this.#http2.pause();
  }

  #handle(session: Session, request: NodeRequest): void {
    const before = session.changes;
    const type = typeOfUrl(request.typeUrl);
    if (type !== undefined && request.errorDetail !== undefined) {
      this.#events.refused(this, type, refusalMessage(request.errorDetail.message));
    }
    this.send(session.onRequest(request), this.#version);
    if (session.changes !== before) this.#events.changed(this);
  }

  /** A proxy needs few requests; one that floods is cut off. */
  #spend(): void {
    const now = this.#now();
    const { requestBurst, requestsPerSecond } = this.#limits;
    this.#budget = Math.min(
      requestBurst,
      this.#budget + (Math.max(0, now - this.#budgetAt) / 1000) * requestsPerSecond,
    );
    this.#budgetAt = now;
    this.#budget -= 1;
    if (this.#budget < 0) throw new StreamError(grpcStatus.resourceExhausted, "protocol", "too many requests");
  }
}
