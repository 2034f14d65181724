import { describe, expect, test } from "vitest";
import type { KubernetesObject } from "../../../src/api/kubernetes.ts";
import { errorOfStatus } from "../../../src/kube/error.ts";
import { createEventRecorder, type EventNote, type EventRecorderOptions } from "../../../src/kube/events.ts";
import type { KubernetesEvent } from "../../../src/kube/objects.ts";
import { createFakeClock, settle } from "../../support/fake-clock.ts";

const object = (name: string, namespace?: string): KubernetesObject => ({
  apiVersion: "heddle.dev/v1alpha1",
  kind: "TrafficSplit",
  metadata: { name, uid: `uid-${name}`, ...(namespace === undefined ? {} : { namespace }) },
});
const note = (text: string): EventNote => ({ type: "Warning", reason: "ForeignEdit", action: "Restore", note: text });

function setUp(answer: () => Promise<void> = async () => {}) {
  const clock = createFakeClock();
  const written: KubernetesEvent[] = [];
  const errors: unknown[] = [];
  let calls = 0;
  const client = {
    create: async (_: unknown, event: KubernetesEvent) => {
      calls += 1;
      await answer();
      written.push(event);
      return event;
    },
  } as unknown as EventRecorderOptions["client"];
  const recorder = createEventRecorder({
    client,
    controller: "heddle.dev/operator",
    instance: "heddle-0",
    clock,
    random: () => 0.5,
    onError: (error) => errors.push(error),
  });
  return { clock, recorder, written, errors, calls: () => calls };
}

describe("events", () => {
  test("say what happened to which object, in its namespace", async () => {
    const { recorder, written } = setUp();
    recorder.record(object("checkout", "shop"), note("put back"));
    recorder.record(object("shop"), note("put back"));
    await settle();
    expect(written[0]).toMatchObject({
      metadata: { namespace: "shop" },
      eventTime: "2026-01-01T00:00:00.000000Z",
      reportingController: "heddle.dev/operator",
      reportingInstance: "heddle-0",
      type: "Warning",
      reason: "ForeignEdit",
      action: "Restore",
      note: "put back",
      regarding: { kind: "TrafficSplit", name: "checkout", namespace: "shop", uid: "uid-checkout" },
    });
    expect(written[0]?.metadata.name).toMatch(/^checkout\.[0-9a-f]+$/);
    expect(written[1]?.metadata.namespace).toBe("default");
    expect(written[1]?.regarding).not.toHaveProperty("namespace");
  });

  test("are not repeated within the window, and are after it", async () => {
    const { clock, recorder, written } = setUp();
    for (let count = 0; count < 5; count += 1) recorder.record(object("a", "shop"), note("x"));
    recorder.record(object("a", "shop"), note("y"));
    recorder.record(object("b", "shop"), note("x"));
    await clock.advance(9 * 60_000);
    recorder.record(object("a", "shop"), note("x"));
    await settle();
    expect(written).toHaveLength(3);
    await clock.advance(60_000);
    recorder.record(object("a", "shop"), note("x"));
    await settle();
    expect(written).toHaveLength(4);
    expect(recorder.dropped).toBe(0);
  });

  test("of one object are bounded, so that a loop does not flood the server", async () => {
    const { recorder, written } = setUp();
    for (let count = 0; count < 60; count += 1) {
      recorder.record(object("a", "shop"), note(`attempt ${count}`));
      await settle();
    }
    expect(written).toHaveLength(25);
    expect(recorder.dropped).toBe(35);
  });

  test("that wait are bounded", async () => {
    const { recorder } = setUp(() => new Promise(() => {}));
    for (let count = 0; count < 500; count += 1) recorder.record(object(`a${count}`, "shop"), note("x"));
    expect(recorder.dropped).toBe(500 - 101);
  });

  test("are tried again when the server is away for a moment", async () => {
    let failures = 2;
    const { clock, recorder, written, errors } = setUp(async () => {
      if (failures-- > 0) throw errorOfStatus("create Event", 503, {});
    });
    recorder.record(object("a", "shop"), note("x"));
    await clock.advance(10_000);
    expect(written).toHaveLength(1);
    expect(errors).toHaveLength(0);
  });

  test("are given up when the server does not want them, and the next one is written", async () => {
    let refuse = true;
    const { recorder, written, errors, calls } = setUp(async () => {
      if (refuse) throw errorOfStatus("create Event", 403, {});
    });
    recorder.record(object("a", "shop"), note("x"));
    await settle();
    expect([calls(), errors.length, recorder.dropped]).toEqual([1, 1, 1]);
    refuse = false;
    recorder.record(object("b", "shop"), note("x"));
    await settle();
    expect(written).toHaveLength(1);
  });

  test("are cut to what the server takes, between characters", async () => {
    const { recorder, written } = setUp();
    recorder.record(object("a".repeat(253), "shop"), note("ä".repeat(600)));
    await settle();
    expect(Buffer.byteLength(written[0]?.note ?? "")).toBeLessThanOrEqual(1024);
    expect(written[0]?.note).toMatch(/^ä+…$/);
    expect(written[0]?.metadata.name.length).toBeLessThanOrEqual(253);
  });

  test("that are queued are written before it stops, as long as that takes no longer than allowed", async () => {
    const quick = setUp();
    quick.recorder.record(object("a", "shop"), note("x"));
    await quick.recorder.stop();
    expect(quick.written).toHaveLength(1);
    quick.recorder.record(object("b", "shop"), note("x"));
    await settle();
    expect(quick.written).toHaveLength(1);

    const slow = setUp(async () => {
      throw errorOfStatus("create Event", 503, {});
    });
    for (const name of ["a", "b", "c"]) slow.recorder.record(object(name, "shop"), note("x"));
    const stopping = slow.recorder.stop(1_000);
    await slow.clock.advance(1_000);
    await stopping;
    expect(slow.recorder.dropped).toBe(3);
    expect(slow.clock.pending).toBe(0);
  });
});
