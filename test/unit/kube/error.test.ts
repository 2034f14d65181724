import { describe, expect, test } from "vitest";
import { backoff } from "../../../src/kube/backoff.ts";
import { ApiError, classOfStatus, errorOfConnection, errorOfStatus, isApiError } from "../../../src/kube/error.ts";

describe("the class of an error", () => {
  test.each([
    [0, "transient"],
    [400, "terminal"],
    [401, "forbidden"],
    [403, "forbidden"],
    [404, "notFound"],
    [405, "terminal"],
    [408, "transient"],
    [409, "conflict"],
    [410, "gone"],
    [413, "terminal"],
    [415, "terminal"],
    [422, "terminal"],
    [429, "transient"],
    [500, "transient"],
    [503, "transient"],
    [504, "transient"],
  ])("%i is %s", (status, expected) => {
    expect(classOfStatus(status)).toBe(expected);
  });

  test("what does not fit the schema is mended by no retry, though the server says 500", () => {
    for (const message of [
      "failed to create typed patch object (shop/a; /v1, Kind=ConfigMap): .bogus: field not declared in schema",
      "failed to create typed live object (shop/a; heddle.dev/v1alpha1, Kind=TrafficSplit): .spec: expected map, got x",
    ])
      expect(errorOfStatus("apply", 500, { code: 500, message }).class).toBe("terminal");
    expect(errorOfStatus("apply", 500, { code: 500, message: "etcdserver: request timed out" }).class).toBe(
      "transient",
    );
  });

  test("is one of those that are asked for, of errors of the API server only", () => {
    const error = errorOfStatus("get", 409, { code: 409, reason: "Conflict", message: "x" });
    expect(isApiError(error)).toBe(true);
    expect(isApiError(error, "gone", "conflict")).toBe(true);
    expect(isApiError(error, "gone")).toBe(false);
    expect(isApiError(new Error("conflict"))).toBe(false);
  });
});

describe("an error", () => {
  test("survives bodies that are no Status", () => {
    for (const body of [
      null,
      undefined,
      "text",
      5,
      [],
      { code: "x", reason: 1, message: {}, details: { causes: {} } },
    ]) {
      const error = errorOfStatus("get Pod shop/a", 503, body);
      expect(error).toBeInstanceOf(ApiError);
      expect(error).toMatchObject({ status: 503, class: "transient", reason: "HTTP503", retryAfter: undefined });
    }
  });

  test("keeps its cause", () => {
    const cause = new Error("socket hang up");
    expect(errorOfConnection("get Pod shop/a", "Unreachable", cause)).toMatchObject({
      cause,
      message: "get Pod shop/a: Unreachable: socket hang up",
    });
  });
});

describe("backoff", () => {
  const limits = { base: 100, cap: 10_000 };
  test("grows from base to cap, and jitter covers all between", () => {
    const range = (attempt: number): number[] => [0, 0.5, 1].map((draw) => backoff(attempt, limits, () => draw));
    expect(range(0)).toEqual([100, 100, 100]);
    expect(range(2)).toEqual([100, 250, 400]);
    expect(range(50)).toEqual([100, 5050, 10_000]);
    expect(range(1e9)).toEqual([100, 5050, 10_000]);
  });

  test("respects what the server asks for, within reason", () => {
    expect(backoff(0, limits, () => 0, 5_000)).toBe(5_000);
    expect(backoff(0, limits, () => 1, 5_000)).toBe(6_250);
    expect(backoff(0, limits, () => 0, 3_600_000)).toBe(60_000);
  });
});
