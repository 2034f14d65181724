/** Words that the scenes share. */
import type { CallReport } from "../app.ts";

/** The Service that most scenes call. */
export const checkout = "http://checkout.shop/";
/** How many calls were answered. */
export const total = (report: CallReport): number =>
  Object.values(report.statuses).reduce((sum, count) => sum + count, 0);
/** Percent of the answers that a server gave. */
export const share = (report: CallReport, server: string): number =>
  (100 * (report.servers[server] ?? 0)) / Math.max(1, total(report));
/** What came back, in words. */
export const answers = (report: CallReport): string =>
  [
    ...Object.entries(report.statuses).map(([status, count]) => `${count} x ${status}`),
    ...Object.entries(report.bodies).map(([body, count]) => `${count} said '${body.trim()}'`),
    ...(report.failures > 0 ? [`${report.failures} failed (${Object.keys(report.errors).join(", ")})`] : []),
  ].join(", ") || "nothing";
/** Every call was answered with this status. */
export const only = (report: CallReport, status: number): boolean =>
  report.failures === 0 && total(report) > 0 && report.statuses[status] === total(report);
/** A time, for people. */
export const milliseconds = (value: number): string => `${value.toFixed(0)} ms`;
