/** A literal segment of a path template: the characters that Envoy's URI templates allow, with whole percent-encodings. */
const literal = /^(?:[A-Za-z0-9._~!$&'()+,;:@=-]|%[0-9A-Fa-f]{2})+$/;

/**
 * Whether a path with braces is a template that a proxy can be given: segments that are `{*}`, `{**}` or literal, no
 * other operator after a `{**}`, no empty segment but behind a final slash. This is for safety, not only for people: Envoy
 * 1.40 ends its process when it is given a template that it cannot read (uri_template_matcher of path matching).
 */
export function isPathTemplate(path: string): boolean {
  const [before, ...segments] = path.split("/");
  if (before !== "" || segments.length === 0) return false;
  if (segments.length > 1 && segments.at(-1) === "") segments.pop();
  const operators = segments.filter((segment) => segment === "{*}" || segment === "{**}");
  const many = operators.indexOf("{**}");
  return (
    (many === -1 || many === operators.length - 1) &&
    segments.every((segment) => operators.includes(segment) || literal.test(segment))
  );
}
