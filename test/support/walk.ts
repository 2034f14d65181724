/** Calls `visit` with every object in a JSON value, outer ones first. */
export function walkObjects(value: unknown, visit: (object: Readonly<Record<string, unknown>>) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) walkObjects(item, visit);
  } else if (typeof value === "object" && value !== null) {
    visit(value as Readonly<Record<string, unknown>>);
    for (const inner of Object.values(value)) walkObjects(inner, visit);
  }
}

/** Every object in a JSON value whose `@type` ends so. */
export function ofMessage(value: unknown, message: string): Readonly<Record<string, unknown>>[] {
  const found: Readonly<Record<string, unknown>>[] = [];
  walkObjects(value, (object) => {
    if (String(object["@type"] ?? "").endsWith(`.${message}`)) found.push(object);
  });
  return found;
}
