import { type DestinationStream, pino } from "pino";

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

/** One JSON object per line, to `destination` (standard output when absent). Errors go into the field `error`. */
export function createLogger(level: LogLevel, destination?: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError },
    },
    destination,
  );
}

/** The message of whatever was thrown, with the messages of its causes. Stacks are kept for errors that are defects only. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own =
    error instanceof TypeError || error instanceof RangeError ? (error.stack ?? error.message) : error.message;
  return error.cause === undefined ? own : `${own}: ${describeError(error.cause)}`;
}
