/** HTTP to the API server: whole requests with a deadline and a bound, and streams. Knows nothing of kinds or objects. */
import * as http from "node:http";
import * as https from "node:https";
import type { Clock } from "../ops/clock.ts";
import type { Connection, ConnectionSource } from "./config.ts";
import { ApiError, errorOfConnection, errorOfStatus } from "./error.ts";

/** One request. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Absolute path with query, percent-encoded. */
  readonly path: string;
  /** What is asked and of which object, for errors, such as `get Pod shop/cart`. */
  readonly object: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until the whole answer must be there; of a stream: until its first byte of header. */
  readonly timeout: number;
  /** Bytes of body that are accepted; of a stream's error body too. */
  readonly maxBytes: number;
}

/** Sends requests to the one API server. */
export interface Transport {
  /** The parsed body of a successful answer. @throws ApiError */
  request(request: HttpRequest): Promise<unknown>;
  /**
   * Reads a successful answer as it comes, on a connection of its own. `onData` is called in order and must not throw.
   * Resolves when the server has ended it; the signal ends it too. @throws ApiError
   */
  stream(request: HttpRequest, onOpen: () => void, onData: (chunk: Buffer) => void): Promise<void>;
  /** Closes idle connections; requests under way go on. */
  close(): void;
}

/** Connections that requests share; watches have their own. */
const maxSockets = 32;
/** An idle connection is closed before the API server does it (90 s), so that no request meets a closing one; milliseconds. */
const idleSocket = 60_000;

/** Creates the transport. Opens nothing until the first request. `userAgent` is what the API server's audit log shows. */
export function createTransport(source: ConnectionSource, clock: Clock, userAgent = "heddle"): Transport {
  let pooled: { readonly fingerprint: string; readonly agent: https.Agent | http.Agent } | undefined;

  const agentOf = (connection: Connection): https.Agent | http.Agent => {
    if (pooled?.fingerprint === connection.fingerprint) return pooled.agent;
    // The old agent's connections carry the old credentials: they finish what they do and are not used again.
    closeIdle();
    const options = { keepAlive: true, maxSockets, timeout: idleSocket, scheduling: "lifo" as const };
    const agent = connection.url.protocol === "http:" ? new http.Agent(options) : new https.Agent(options);
    pooled = { fingerprint: connection.fingerprint, agent };
    return agent;
  };

  const closeIdle = (): void => {
    for (const sockets of Object.values(pooled?.agent.freeSockets ?? {})) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  };

  /** Resolves with the response once its headers are there, whatever its status; of a refusal of old credentials, the next. */
  const open = async (request: HttpRequest, own: boolean, signal: AbortSignal): Promise<http.IncomingMessage> => {
    const connection = await unlessAborted(source.current(), signal);
    const response = await send(connection, request, own, signal);
    if (response.statusCode !== 401) return response;
    source.reload();
    const renewed = await unlessAborted(source.current(), signal);
    const authorization = renewed.headers["Authorization"];
    if (authorization === connection.headers["Authorization"] && renewed.fingerprint === connection.fingerprint)
      return response;
    response.resume();
    return await send(renewed, request, own, signal);
  };

  const send = async (
    connection: Connection,
    request: HttpRequest,
    own: boolean,
    signal: AbortSignal,
  ): Promise<http.IncomingMessage> => {
    const headers: Record<string, string> = {
      Accept: "application/json",
      "User-Agent": userAgent,
      ...connection.headers,
    };
    if (request.body !== undefined) {
      headers["Content-Type"] = request.contentType ?? "application/json";
      headers["Content-Length"] = String(Buffer.byteLength(request.body));
    }
    const { url } = connection;
    const options: https.RequestOptions = {
      ...connection.tls,
      method: request.method,
      hostname: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port === "" ? undefined : url.port,
      path: `${url.pathname.replace(/\/$/, "")}${request.path}`,
      headers,
      signal,
      agent: connection.proxy ?? (own ? false : agentOf(connection)),
    };
    const library = url.protocol === "http:" ? http : https;
    const attempt = (again: boolean): Promise<http.IncomingMessage> =>
      new Promise((resolve, reject) => {
        const outgoing = library.request(options);
        // A stream may be silent for long: let the kernel find out when the other side is gone.
        if (own) outgoing.once("socket", (socket) => socket.setKeepAlive(true, 30_000));
        outgoing.once("response", resolve);
        outgoing.on("error", (error: NodeJS.ErrnoException) => {
          // The server closed a kept connection just as it was used again: nothing was asked yet, as far as a read goes.
          const stale = outgoing.reusedSocket && error.code === "ECONNRESET" && request.method === "GET";
          if (stale && again && !signal.aborted) attempt(false).then(resolve, reject);
          else reject(error);
        });
        outgoing.end(request.body);
      });
    return await attempt(true);
  };

  /** Runs with a signal that aborts on the caller's or at the deadline, and turns what is thrown into an ApiError. */
  const guarded = async <T>(
    request: HttpRequest,
    run: (signal: AbortSignal, disarm: () => void) => Promise<T>,
  ): Promise<T> => {
    const controller = new AbortController();
    let late = false;
    const timer = clock.setTimeout(() => {
      late = true;
      controller.abort();
    }, request.timeout);
    const abort = (): void => controller.abort();
    if (request.signal?.aborted) abort();
    request.signal?.addEventListener("abort", abort, { once: true });
    try {
      return await run(controller.signal, () => timer.cancel());
    } catch (error) {
      if (error instanceof ApiError) throw error;
      if (late) throw errorOfConnection(request.object, "Timeout", `no answer within ${request.timeout} ms`);
      if (request.signal?.aborted) throw errorOfConnection(request.object, "Aborted", "the caller has given up");
      throw errorOfConnection(request.object, "Unreachable", error);
    } finally {
      timer.cancel();
      request.signal?.removeEventListener("abort", abort);
    }
  };

  const failure = async (request: HttpRequest, response: http.IncomingMessage): Promise<ApiError> => {
    const text = await readAll(request, response);
    const seconds = Number(response.headers["retry-after"]);
    return errorOfStatus(
      request.object,
      response.statusCode ?? 0,
      parseOrText(text),
      Number.isFinite(seconds) ? seconds : undefined,
    );
  };

  return {
    request: (request) =>
      guarded(request, async (signal) => {
        const response = await open(request, false, signal);
        if (!isSuccess(response)) throw await failure(request, response);
        const text = await readAll(request, response);
        try {
          return JSON.parse(text);
        } catch (cause) {
          throw errorOfConnection(request.object, "Unreachable", cause);
        }
      }),
    stream: (request, onOpen, onData) =>
      guarded(request, async (signal, disarm) => {
        const response = await open(request, true, signal);
        if (!isSuccess(response)) throw await failure(request, response);
        disarm();
        onOpen();
        for await (const chunk of response) onData(chunk);
      }),
    close: closeIdle,
  };
}

const isSuccess = (response: http.IncomingMessage): boolean =>
  response.statusCode !== undefined && response.statusCode >= 200 && response.statusCode < 300;

/** The promise's outcome, or a rejection as soon as the signal aborts: a credential plugin may hang. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new Error("given up while reading credentials"));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** The body, if it is not larger than the request allows. */
async function readAll(request: HttpRequest, response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += chunk.length;
    if (size > request.maxBytes) {
      response.destroy();
      throw new ApiError({
        status: response.statusCode ?? 0,
        reason: "ResponseTooLarge",
        message: `${request.object}: the answer is larger than ${request.maxBytes} bytes; ask for less at once`,
        object: request.object,
        class: "terminal",
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** A Status as JSON; proxies on the way answer with text, which then stands for the message. */
function parseOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { message: text.slice(0, 256).trim() };
  }
}
