/** Users' words in messages to people. */

/** Longest part of a text that is shown. */
const longest = 80;

/**
 * A user's text in a message: in double quotes, with control characters escaped, and cut if it is long, since it may not be
 * validated yet and so hold anything.
 */
export function quote(text: string): string {
  return JSON.stringify(text.length > longest ? `${text.slice(0, longest)}...` : text);
}
