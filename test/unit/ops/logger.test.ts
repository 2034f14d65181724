import { expect, test } from "vitest";
import { createLogger, objectFields } from "../../../src/ops/logger.ts";

function logged(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  let line = "";
  const write = (text: string): void => {
    line += text;
  };
  createLogger("info", { write }).info(fields, "message");
  return JSON.parse(line) as Readonly<Record<string, unknown>>;
}

const pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIGN\nabcdef==\n-----END EC PRIVATE KEY-----\n";
const token = `eyJhbGciOiJSUzI1NiJ9.${btoa('{"sub":"somebody"}').replaceAll("=", "")}.c2lnbmF0dXJl`;

test.each([
  ["a key", { error: new Error(`cannot read ${pem}`) }, "MHcCAQEEIGN"],
  ["half a key", { text: pem.slice(0, 45) }, "MHcC"],
  ["a key in base64", { object: { data: btoa(pem) } }, btoa(pem).slice(30)],
  ["a token", { url: `https://host?token=${token}` }, "c2lnbmF0dXJl"],
])("%s in a field is not in the line, which stays one JSON object", (_name, fields, secret) => {
  const line = logged({ ...fields, kind: "Secret", namespace: "shop", name: "cart" });
  expect(JSON.stringify(line)).toContain("[redacted]");
  expect(JSON.stringify(line)).not.toContain(secret);
  expect(line).toMatchObject({ level: "info", msg: "message", kind: "Secret", namespace: "shop", name: "cart" });
});

test("the rest is as it was", () => {
  expect(logged({ kind: "Pod", namespace: "shop", name: "beginner" })).toMatchObject({
    level: "info",
    kind: "Pod",
    namespace: "shop",
    name: "beginner",
    time: expect.stringMatching(/^\d{4}-/),
  });
});

test.each([
  ["shop/cart", "Pod", { kind: "Pod", namespace: "shop", name: "cart" }],
  ["MeshTLS/shop/cart", undefined, { kind: "MeshTLS", namespace: "shop", name: "cart" }],
  ["heddle", undefined, { name: "heddle" }],
  [undefined, "Pod", {}],
])("%j of kind %j is named by its parts", (key, kind, fields) => {
  expect(objectFields(key, kind)).toEqual(fields);
});
