import { type DestinationStream, destination, pino } from "pino";

/** Fields of a log line: plain values and object references, never secrets. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What the rooms may do with a log. The message is constant; what varies is in the fields. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

/** Levels, from the most to the least talkative. */
export const logLevels = ["debug", "info", "warn", "error"] as const;

/** One of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number];

/** One JSON object per line, to {@link standardOutput} or another destination. Errors go into the field `error`. */
export function createLogger(level: LogLevel, output = standardOutput()): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError },
      hooks: { streamWrite: withoutSecrets },
    },
    output,
  );
}

/** Where a logger writes unless it is told otherwise: whole lines, one after the other. */
export const standardOutput = (): DestinationStream => destination(1);

/**
 * The fields that name an object.
 * @param key `namespace/name`, or `name` of what has no namespace; undefined names nothing
 * @param kind absent when it is the key's first part, `Kind/namespace/name`, or is not known
 */
export function objectFields(key: string | undefined, kind?: string): LogFields {
  if (key === undefined) return {};
  const [name, namespace, first] = key.split("/").reverse();
  const known = kind ?? first;
  return { ...(known === undefined ? {} : { kind: known }), ...(namespace === undefined ? {} : { namespace }), name };
}

/** The message of whatever was thrown, with the messages of its causes. Stacks are kept for errors that are defects only. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own =
    error instanceof TypeError || error instanceof RangeError ? (error.stack ?? error.message) : error.message;
  return error.cause === undefined ? own : `${own}: ${describeError(error.cause)}`;
}

/** Private keys and certificates in PEM (as text, within JSON, and in base64), and JSON Web Tokens (RFC 7519). */
const secrets = [
  /-----BEGIN [A-Z ]{1,40}-----[^"]*?(-----END [A-Z ]{1,40}-----|(?="))/g,
  /LS0tLS1CRUdJTi[A-Za-z0-9+/=]*/g,
  /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g,
];

/**
 * The second line of defence: nothing that logs is given secrets, but an error's message may come from a library or from
 * the API server, and quote what it was about.
 */
export function withoutSecrets(line: string): string {
  return secrets.reduce((text, secret) => text.replace(secret, "[redacted]"), line);
}
