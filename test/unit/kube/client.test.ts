import { describe, expect, test } from "vitest";
import { kinds } from "../../../src/api/kinds.ts";
import type { ObjectToWrite } from "../../../src/kube/objects.ts";
import { failureOf } from "../../support/api-error.ts";
import { cart, json, setUp } from "./client-world.ts";

describe("requests", () => {
  test("say what they want, under the path of the server", async () => {
    const { client, requests } = await setUp((_, response) => json(response, 200, {}), "/clusters/c1/");
    await client.apply(kinds.ConfigMap, { metadata: cart, data: { a: "1" } });
    await client.applyStatus(kinds.TrafficSplit, { metadata: cart, status: {} }, { force: false, fieldManager: "x" });
    await client.delete(kinds.Namespace, { name: "shop" }, { preconditions: { uid: "u" } });
    await client.get(kinds.Pod, { name: "a/../b?c", namespace: "shop" });
    await client.patch(kinds.Secret, {
      metadata: { ...cart, annotations: { note: null } },
    } as unknown as ObjectToWrite);
    expect(requests.map(({ method, url }) => `${method} ${url.pathname}${url.search}`)).toEqual([
      "PATCH /clusters/c1/api/v1/namespaces/shop/configmaps/cart?fieldManager=heddle&force=true",
      "PATCH /clusters/c1/apis/heddle.dev/v1alpha1/namespaces/shop/trafficsplits/cart/status?fieldManager=x&force=false",
      "DELETE /clusters/c1/api/v1/namespaces/shop",
      "GET /clusters/c1/api/v1/namespaces/shop/pods/a%2F..%2Fb%3Fc",
      "PATCH /clusters/c1/api/v1/namespaces/shop/secrets/cart?fieldManager=heddle",
    ]);
    expect(requests[0]?.headers).toMatchObject({
      authorization: "Bearer 0",
      "content-type": "application/apply-patch+yaml",
    });
    expect(JSON.parse(requests[0]?.body ?? "")).toEqual({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: cart,
      data: { a: "1" },
    });
    expect(JSON.parse(requests[2]?.body ?? "")).toMatchObject({ preconditions: { uid: "u" } });
    expect(requests[4]?.headers["content-type"]).toBe("application/merge-patch+json");
    expect(JSON.parse(requests[4]?.body ?? "")).toEqual({ metadata: { ...cart, annotations: { note: null } } });
  });

  test("that name no object are not sent", async () => {
    const { client, requests } = await setUp((_, response) => json(response, 200, {}));
    for (const name of [{ name: "cart" }, { name: "", namespace: "shop" }, { name: "..", namespace: "shop" }]) {
      const error = await failureOf(client.get(kinds.ConfigMap, name));
      expect(error.class).toBe("terminal");
    }
    expect((await failureOf(client.get(kinds.Namespace, cart))).message).toContain("cluster-scoped");
    expect(requests).toHaveLength(0);
  });

  test("carry the server's words, class and patience in their errors", async () => {
    const { client } = await setUp((_, response) => {
      response.setHeader("retry-after", "7");
      json(response, 429, { kind: "Status", code: 429, reason: "TooManyRequests", message: "later" });
    });
    const error = await failureOf(client.get(kinds.ConfigMap, cart));
    expect(error).toMatchObject({
      class: "transient",
      status: 429,
      reason: "TooManyRequests",
      object: "get ConfigMap shop/cart",
      message: "get ConfigMap shop/cart: 429 TooManyRequests: later",
      retryAfter: 7000,
    });
  });

  test("make sense of an answer that is not the API server's", async () => {
    const { client } = await setUp((_, response) => response.writeHead(502).end("<html>bad gateway</html>"));
    const error = await failureOf(client.get(kinds.ConfigMap, cart));
    expect(error).toMatchObject({ class: "transient", status: 502 });
    expect(error.message).toContain("bad gateway");
    const other = await setUp((_, response) => response.writeHead(200).end("<html>login</html>"));
    expect((await failureOf(other.client.get(kinds.ConfigMap, cart))).class).toBe("transient");
  });

  test("that are not authenticated are sent again with new credentials, if there are any", async () => {
    let valid = "Bearer 1";
    const { client, requests, renew } = await setUp((request, response) => {
      if (request.headers.authorization === valid) json(response, 200, {});
      else json(response, 401, { code: 401, reason: "Unauthorized" });
    });
    // The transport's first credentials are `Bearer 0`; each renewal counts on.
    await client.apply(kinds.ConfigMap, { metadata: cart });
    expect(requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer 0", "Bearer 1"]);
    valid = "Bearer none";
    renew(false);
    const error = await failureOf(client.get(kinds.ConfigMap, cart));
    expect(error).toMatchObject({ class: "forbidden", status: 401 });
    expect(requests).toHaveLength(3);
  });

  test("end at their deadline, whether the headers or the rest do not come", async () => {
    const { client } = await setUp((request, response) => {
      if (request.method === "GET") response.writeHead(200).write("{");
    });
    const errors = await Promise.all([
      failureOf(client.get(kinds.ConfigMap, cart, { timeout: 50 })),
      failureOf(client.apply(kinds.ConfigMap, { metadata: cart }, { timeout: 50 })),
    ]);
    for (const error of errors) expect(error).toMatchObject({ class: "transient", reason: "Timeout", status: 0 });
  });

  test("end when the caller gives up", async () => {
    const { client } = await setUp(() => {});
    const controller = new AbortController();
    const call = failureOf(client.get(kinds.ConfigMap, cart, { signal: controller.signal }));
    controller.abort();
    expect((await call).reason).toBe("Aborted");
    expect((await failureOf(client.get(kinds.ConfigMap, cart, { signal: controller.signal }))).reason).toBe("Aborted");
  });

  test("are tried again when a kept connection was closed just then, if they only read", async () => {
    let connections = 0;
    const { client, server, requests } = await setUp((request, response) => {
      // The second request of a connection meets its end.
      if (requests.length === 2 || requests.length === 4) request.socket.destroy();
      else json(response, 200, { metadata: cart });
    });
    server.on("connection", () => {
      connections += 1;
    });
    await client.get(kinds.ConfigMap, cart);
    await client.get(kinds.ConfigMap, cart);
    expect([requests.length, connections]).toEqual([3, 2]);
    expect((await failureOf(client.apply(kinds.ConfigMap, { metadata: cart }))).reason).toBe("Unreachable");
    expect(requests).toHaveLength(4);
  });

  test("share a bounded number of connections", async () => {
    let connections = 0;
    const { client, server } = await setUp((_, response) => json(response, 200, {}));
    server.on("connection", () => {
      connections += 1;
    });
    await Promise.all(Array.from({ length: 200 }, () => client.get(kinds.ConfigMap, cart)));
    expect(connections).toBe(32);
  });

  test("name the server that is not there", async () => {
    const { client, server } = await setUp(() => {});
    await new Promise((resolve) => server.close(resolve));
    const error = await failureOf(client.get(kinds.ConfigMap, cart));
    expect(error).toMatchObject({ class: "transient", reason: "Unreachable", status: 0 });
    expect(error.message).toContain("ECONNREFUSED");
  });
});

describe("lists", () => {
  const item = (name: string): object => ({ metadata: { name, namespace: "shop", managedFields: [{ manager: "x" }] } });
  const gone = { kind: "Status", code: 410, reason: "Expired", message: "the continue token is too old" };

  test("follow the pages, say the kind of each object, and drop managedFields", async () => {
    const { client, requests } = await setUp((request, response) => {
      const last = request.url?.includes("continue=t1");
      json(response, 200, {
        metadata: { resourceVersion: "9", ...(last ? {} : { continue: "t1" }) },
        items: last ? [item("b")] : [item("a")],
      });
    });
    const list = await client.list(kinds.ConfigMap, { namespace: "shop", labelSelector: "a in (b,c)", limit: 1 });
    expect(list).toEqual({
      resourceVersion: "9",
      items: ["a", "b"].map((name) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "shop" } })),
    });
    expect(requests[1]?.url.searchParams.get("labelSelector")).toBe("a in (b,c)");
  });

  test("hold of each object what is to be kept, page by page", async () => {
    let answered = 0;
    const { client } = await setUp((_request, response) => {
      answered += 1;
      const metadata = { resourceVersion: "9", ...(answered === 3 ? {} : { continue: "t" }) };
      json(response, 200, { metadata, items: [item(`a${answered}`)] });
    });
    const pages: number[] = [];
    const { items } = await client.list(kinds.ConfigMap, {
      keep: (object) => {
        pages.push(answered);
        return object.metadata.name === "a2" ? undefined : { ...object, data: { kept: "yes" } };
      },
    });
    expect(items.map(({ metadata, data }) => [metadata.name, data])).toEqual([
      ["a1", { kept: "yes" }],
      ["a3", { kept: "yes" }],
    ]);
    expect(pages).toEqual([1, 2, 3]);
  });

  test("begin again when their moment is forgotten meanwhile, at last in one piece", async () => {
    const { client, requests } = await setUp((request, response) => {
      if (request.url?.includes("continue=")) json(response, 410, gone);
      else {
        const paged = request.url?.includes("limit=");
        json(response, 200, {
          metadata: { resourceVersion: "9", ...(paged ? { continue: "t" } : {}) },
          items: [item("a")],
        });
      }
    });
    const list = await client.list(kinds.ConfigMap);
    expect(list.items).toHaveLength(1);
    expect(requests).toHaveLength(5);
  });

  test("are asked for in smaller pages when one is too large", async () => {
    const big = "x".repeat(1024 * 1024);
    const { client, requests } = await setUp((request, response) => {
      const limit = Number(new URL(request.url ?? "", "http://x").searchParams.get("limit"));
      response.writeHead(200);
      response.write('{"metadata":{"resourceVersion":"9"},"items":[');
      const write = (count: number): void => {
        response.write(`{"metadata":{"name":"a${count}"},"data":{"x":"${big}"}}${count === 1 ? "" : ","}`, () => {
          if (count > 1 && !response.destroyed) write(count - 1);
          else response.end("]}");
        });
      };
      write(Math.min(limit, 40));
    });
    const list = await client.list(kinds.ConfigMap, { limit: 80 });
    expect(list.items).toHaveLength(10);
    expect(requests.map(({ url }) => url.searchParams.get("limit"))).toEqual(["80", "10"]);
  });
});
