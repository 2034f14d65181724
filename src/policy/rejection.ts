/** Why a sidecar answers a request itself, whatever the policies say. */
export interface Rejection {
  /** What of the request is at fault. */
  readonly rejected: "method" | "path" | "host" | "header" | "request";
  /** What is wrong, for people. */
  readonly message: string;
}

/** A rejection for this reason. */
export const reject = (rejected: Rejection["rejected"], message: string): Rejection => ({ rejected, message });
