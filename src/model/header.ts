/** Headers that are no lists although commas are in their values (RFC 9110, sections 5.6.7, 10.1 and 11.6; RFC 6265). */
export const singletonHeaders: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "date",
  "if-modified-since",
  "if-unmodified-since",
  "referer",
  "user-agent",
]);
