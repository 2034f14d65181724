import { describe, expect, test } from "vitest";
import { kinds } from "../../../src/api/kinds.ts";
import { failureOf } from "../../support/api-error.ts";
import { json, setUp } from "./client-world.ts";

describe("watches", () => {
  const options = { resourceVersion: "5", timeoutSeconds: 60, idle: 10_000 };
  const event = (type: string, name: string): string =>
    `${JSON.stringify({ type, object: { metadata: { name, resourceVersion: "6", managedFields: [] } } })}\n`;

  test("hand on each event however the bytes are cut, and end when the server ends them", async () => {
    const bytes = Buffer.from(event("ADDED", "käse-🧀") + event("BOOKMARK", "") + event("DELETED", "b"));
    const { client, requests } = await setUp((_, response) => {
      response.writeHead(200);
      const write = (at: number): void => {
        if (at >= bytes.length) response.end();
        else response.write(bytes.subarray(at, at + 7), () => setImmediate(write, at + 7));
      };
      write(0);
    });
    const seen: unknown[] = [];
    let opened = 0;
    const onOpen = (): void => {
      opened += 1;
    };
    await client.watch(kinds.ConfigMap, { ...options, onOpen }, (each) => seen.push([each.type, each.object]));
    const of = (name: string): object => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, resourceVersion: "6" },
    });
    expect(seen).toEqual([
      ["ADDED", of("käse-🧀")],
      ["BOOKMARK", of("")],
      ["DELETED", of("b")],
    ]);
    expect(opened).toBe(1);
    expect(Object.fromEntries(requests[0]?.url.searchParams ?? [])).toEqual({
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: "5",
      timeoutSeconds: "60",
    });
  });

  test("reject with the server's error, in the answer or in an event", async () => {
    const status = { kind: "Status", code: 410, reason: "Expired", message: "too old" };
    const { client } = await setUp((request, response) => {
      if (request.url?.includes("resourceVersion=5"))
        response.writeHead(200).end(`${JSON.stringify({ type: "ERROR", object: status })}\n`);
      else json(response, 403, { ...status, code: 403, reason: "Forbidden" });
    });
    expect((await failureOf(client.watch(kinds.ConfigMap, options, () => {}))).class).toBe("gone");
    const other = client.watch(kinds.ConfigMap, { ...options, resourceVersion: "6" }, () => {});
    expect((await failureOf(other)).class).toBe("forbidden");
  });

  test("reject when the connection breaks or brings what is no event", async () => {
    const { client } = await setUp((request, response) => {
      response.writeHead(200);
      if (request.url?.includes("resourceVersion=5"))
        response.write(event("ADDED", "a"), () => request.socket.destroy());
      else response.end("{}\n");
    });
    const seen: string[] = [];
    const broken = client.watch(kinds.ConfigMap, options, ({ object }) => seen.push(object.metadata.name));
    expect((await failureOf(broken)).class).toBe("transient");
    expect(seen).toEqual(["a"]);
    expect((await failureOf(client.watch(kinds.ConfigMap, { ...options, resourceVersion: "6" }, () => {}))).class).toBe(
      "transient",
    );
  });

  test("resolve after silence, and reject when they are not even accepted", async () => {
    const { client } = await setUp((request, response) => {
      if (request.url?.includes("resourceVersion=5")) response.writeHead(200).write(event("ADDED", "a"));
    });
    const seen: string[] = [];
    await client.watch(kinds.ConfigMap, { ...options, idle: 50 }, ({ object }) => seen.push(object.metadata.name));
    expect(seen).toEqual(["a"]);
    const hanging = client.watch(kinds.ConfigMap, { ...options, resourceVersion: "6", timeout: 50 }, () => {});
    expect((await failureOf(hanging)).reason).toBe("Timeout");
  });

  test("end with what the handler throws, and bring nothing more", async () => {
    const { client } = await setUp((_, response) =>
      response.writeHead(200).write(event("ADDED", "a") + event("ADDED", "b")),
    );
    const seen: string[] = [];
    const watch = client.watch(kinds.ConfigMap, options, ({ object }) => {
      seen.push(object.metadata.name);
      throw new RangeError("mine");
    });
    await expect(watch).rejects.toThrow(RangeError);
    expect(seen).toEqual(["a"]);
  });

  test("bring nothing after the caller has given up", async () => {
    const { client } = await setUp((_, response) =>
      response.writeHead(200).write(event("ADDED", "a") + event("ADDED", "b")),
    );
    const controller = new AbortController();
    const seen: string[] = [];
    const watch = client.watch(kinds.ConfigMap, { ...options, signal: controller.signal }, ({ object }) => {
      seen.push(object.metadata.name);
      controller.abort();
    });
    expect((await failureOf(watch)).reason).toBe("Aborted");
    expect(seen).toEqual(["a"]);
  });
});
