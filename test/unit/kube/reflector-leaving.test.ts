import { describe, expect, test } from "vitest";
import { settle } from "../../support/fake-clock.ts";
import { configMap, failure, keys, setUp } from "./reflector-world.ts";

describe("reflector of a kind that may leave", () => {
  const asked = () => {
    const answers: PromiseWithResolvers<boolean>[] = [];
    const isLeaving = (): Promise<boolean> => {
      const answer = Promise.withResolvers<boolean>();
      answers.push(answer);
      return answer.promise;
    };
    return { answers, isLeaving };
  };
  /** Follows objects a and b; the list was confirmed. */
  const following = async () => {
    const { answers, isLeaving } = asked();
    const all = setUp({ isLeaving });
    all.server.answer(() => ({ items: [configMap("a", "1"), configMap("b", "1")], resourceVersion: "1" }));
    all.reflector.start();
    await settle();
    expect(all.store.size).toBe(0);
    answers.shift()?.resolve(false);
    await settle();
    expect(keys(all.store)).toEqual(["shop/a", "shop/b"]);
    all.server.watch.accept();
    return { ...all, answers };
  };

  test("passes a delete on once it is confirmed, and what came after it behind it", async () => {
    const { server, store, reflector, answers } = await following();
    const order: string[] = [];
    store.listen((changes) =>
      order.push(...changes.map(({ key, after }) => `${key} ${after?.metadata.resourceVersion}`)),
    );
    server.watch.send("MODIFIED", configMap("a", "2"));
    server.watch.send("DELETED", configMap("a", "3"));
    server.watch.send("ADDED", configMap("a", "4"));
    server.watch.send("DELETED", configMap("b", "5"));
    expect(order).toEqual(["shop/a 2"]);
    expect(answers).toHaveLength(1);
    answers.shift()?.resolve(false);
    await settle();
    // What was held after the question was put needs another answer.
    expect(order).toEqual(["shop/a 2", "shop/a undefined"]);
    answers.shift()?.resolve(false);
    await settle();
    expect(order).toEqual(["shop/a 2", "shop/a undefined", "shop/a 4", "shop/b undefined"]);
    server.watch.send("MODIFIED", configMap("a", "6"));
    expect(order.at(-1)).toBe("shop/a 6");
    expect(answers).toHaveLength(0);
    await reflector.stop();
  });

  test("keeps all while the kind leaves, even if a list is empty, and then counts what exists", async () => {
    const { clock, server, store, reflector, answers } = await following();
    server.watch.send("DELETED", configMap("a", "2"));
    server.watch.send("DELETED", configMap("b", "3"));
    answers.shift()?.resolve(true);
    await settle();
    expect(reflector.state).toBe("waiting");
    expect(keys(store)).toEqual(["shop/a", "shop/b"]);
    server.answer(() => ({ items: [], resourceVersion: "3" }));
    await clock.advance(2_000);
    answers.shift()?.resolve(true);
    await settle();
    expect(reflector.state).toBe("waiting");
    expect(keys(store)).toEqual(["shop/a", "shop/b"]);
    server.answer(() => ({ items: [configMap("c", "9")], resourceVersion: "9" }));
    await clock.advance(5_000);
    answers.shift()?.resolve(false);
    await settle();
    expect(keys(store)).toEqual(["shop/c"]);
    await reflector.stop();
  });

  test("lists anew when the watch ends, or the question fails, before a delete is confirmed", async () => {
    const { clock, server, store, states, reflector, answers } = await following();
    server.answer(() => ({ items: [configMap("b", "1")], resourceVersion: "2" }));
    server.watch.send("DELETED", configMap("a", "2"));
    await server.watch.end();
    const late = answers.shift();
    await clock.advance(200);
    expect(server.lists).toHaveLength(2);
    answers.shift()?.resolve(false);
    await settle();
    expect(keys(store)).toEqual(["shop/b"]);
    late?.resolve(false);
    server.watch.accept();
    server.watch.send("DELETED", configMap("b", "3"));
    answers.shift()?.reject(failure(0, "Unreachable"));
    await settle();
    expect(states.at(-1)).toBe("retrying");
    expect(keys(store)).toEqual(["shop/b"]);
    await clock.advance(1_000);
    expect(server.lists).toHaveLength(3);
    answers.shift()?.resolve(false);
    await reflector.stop();
  });

  test("believes the kind when it may not ask, and says so", async () => {
    const { errors, store, server, reflector, answers } = await following();
    server.watch.send("DELETED", configMap("a", "2"));
    answers.shift()?.reject(failure(403, "Forbidden"));
    await settle();
    expect(keys(store)).toEqual(["shop/b"]);
    expect(errors).toHaveLength(1);
    await reflector.stop();
  });
});
