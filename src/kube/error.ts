/** What the API server, or the way to it, answered instead of what was asked for. */

/**
 * What a caller does about an error:
 * - `terminal`: the request itself is wrong and will be refused again; someone must change something.
 * - `conflict`: decided on a version that is no longer the latest, or the object exists already; read again, decide again.
 * - `notFound`: the object, or its kind, does not exist.
 * - `gone`: the resource version or the continue token is too old (or not of this server's history); list again.
 * - `transient`: may succeed when tried again later.
 * - `forbidden`: credentials or roles do not allow it; may succeed after someone grants it.
 */
export type ErrorClass = "terminal" | "conflict" | "notFound" | "gone" | "transient" | "forbidden";

/** The parts of metav1.Status that are read. */
interface Status {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly reason?: string }[] | null;
  };
}

/** Fields of an {@link ApiError}. */
export interface ApiErrorFields {
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  readonly object: string;
  readonly class: ErrorClass;
  readonly retryAfter?: number;
  readonly cause?: unknown;
}

/** An error of the API server or of the connection to it. The message says what was asked, of which object, and the answer. */
export class ApiError extends Error {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** A StatusReason of Kubernetes such as `Conflict`, or one of ours: `Unreachable`, `Timeout`, `Aborted`, `ResponseTooLarge`. */
  readonly reason: string;
  /** What was asked and of which object, such as `apply ConfigMap shop/cart`. */
  readonly object: string;
  readonly class: ErrorClass;
  /** Milliseconds that the server asks to wait before another try. */
  readonly retryAfter: number | undefined;

  constructor(fields: ApiErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = "ApiError";
    this.status = fields.status;
    this.reason = fields.reason;
    this.object = fields.object;
    this.class = fields.class;
    this.retryAfter = fields.retryAfter;
  }
}

/** The class of an HTTP status (API conventions of Kubernetes, "HTTP Status codes"). */
export function classOfStatus(status: number): ErrorClass {
  switch (status) {
    case 401:
    case 403:
      return "forbidden";
    case 404:
      return "notFound";
    case 409:
      return "conflict";
    case 410:
      return "gone";
    case 0:
    case 408:
    case 425:
    case 429:
      return "transient";
    default:
      return status >= 500 ? "transient" : "terminal";
  }
}

/**
 * The error of a response that is not a success, or of a watch's ERROR event.
 *
 * @param object what was asked, such as `get Pod shop/cart`
 * @param body the response as parsed JSON; anything that is not a Status counts as a status without a message
 * @param retryAfterSeconds value of the Retry-After header, if there is one in seconds
 */
export function errorOfStatus(object: string, httpStatus: number, body: unknown, retryAfterSeconds?: number): ApiError {
  const status: Status = typeof body === "object" && body !== null ? body : {};
  const code = typeof status.code === "number" ? status.code : httpStatus;
  const reason = typeof status.reason === "string" && status.reason !== "" ? status.reason : `HTTP${code}`;
  const text = typeof status.message === "string" ? status.message : "the answer is no Kubernetes Status";
  const causes = Array.isArray(status.details?.causes) ? status.details.causes : [];
  // A resource version of the future: the server's history is another one (restored from a backup). Only a list helps.
  const fromTheFuture = causes.some((cause) => cause?.reason === "ResourceVersionTooLarge");
  // Server-side apply answers what does not fit the schema, in what is given or in what is stored, with 500 and no reason;
  // no retry mends that.
  const notInSchema = code === 500 && /^failed to create typed (patch|live) object/.test(text);
  const seconds = retryAfterSeconds ?? status.details?.retryAfterSeconds;
  return new ApiError({
    status: code,
    reason,
    message: `${object}: ${code} ${reason}: ${text}`,
    object,
    class: fromTheFuture ? "gone" : notInSchema ? "terminal" : classOfStatus(code),
    ...(typeof seconds === "number" && seconds > 0 ? { retryAfter: seconds * 1000 } : {}),
  });
}

/** The error of a request that got no answer. */
export function errorOfConnection(
  object: string,
  reason: "Unreachable" | "Timeout" | "Aborted",
  cause: unknown,
): ApiError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new ApiError({
    status: 0,
    reason,
    message: `${object}: ${reason}: ${text}`,
    object,
    class: "transient",
    cause,
  });
}

/** Whether it is an error of the API server of this class. */
export function isApiError(error: unknown, ...classes: readonly ErrorClass[]): error is ApiError {
  return error instanceof ApiError && (classes.length === 0 || classes.includes(error.class));
}
