import { describe, expect, test } from "vitest";
import type { AnnotationBounds, PodAnnotation } from "../../../src/model/annotations.ts";
import { boundSettings, parseBound, podAnnotations, readAnnotations } from "../../../src/model/annotations.ts";

const shop = { name: "shop", enforced: false, annotations: {} };
const none: AnnotationBounds = new Map();

const read = (
  annotations: Readonly<Record<string, string>>,
  namespace: Parameters<typeof readAnnotations>[1] = shop,
  bounds = none,
) =>
  readAnnotations(
    Object.fromEntries(Object.entries(annotations).map(([name, value]) => [`heddle.dev/${name}`, value])),
    namespace,
    bounds,
  );

/** Of each annotation: values with their normal form, values that are none, and a bound with a value beyond it. */
const samples: Readonly<
  Record<
    PodAnnotation,
    { good: Readonly<Record<string, string>>; bad: readonly string[]; bound: string; beyond: string }
  >
> = {
  "proxy-cpu-request": {
    good: { "10m": "10m", "2": "2" },
    bad: ["", "9m", "0", "-1", "2 ", "1.5", "2k"],
    bound: "1",
    beyond: "1001m",
  },
  "proxy-cpu-limit": { good: { "500m": "500m" }, bad: ["1e3", "Infinity"], bound: "500m", beyond: "1" },
  "proxy-memory-request": {
    good: { "32Mi": "32Mi", "1Gi": "1Gi" },
    bad: ["31Mi", "64", "1Ti", "064Mi"],
    bound: "64Mi",
    beyond: "1Gi",
  },
  "proxy-memory-limit": { good: { "2Gi": "2Gi" }, bad: ["0Mi"], bound: "1Gi", beyond: "1025Mi" },
  "proxy-concurrency": { good: { "1": "1", "8": "8" }, bad: ["0", "1.5", "two", "01"], bound: "2", beyond: "3" },
  "proxy-log-level": {
    good: { debug: "debug", off: "off" },
    bad: ["warn", "Debug", ""],
    bound: "warning",
    beyond: "info",
  },
  "drain-time": { good: { "1s": "1s", "30s": "30s" }, bad: ["30", "0s", "1m"], bound: "10s", beyond: "11s" },
  "exclude-inbound-ports": {
    good: { "9000": "9000", "9000, 25,9000": "9000,25" },
    bad: [
      "",
      "0",
      "65536",
      "25,",
      "http",
      "15020",
      "15001",
      "15006",
      "15000",
      Array.from({ length: 33 }, (_, i) => i + 1).join(),
    ],
    bound: "25,9000",
    beyond: "25,9001",
  },
  "exclude-inbound-cidrs": {
    good: { "10.1.2.3/8": "10.0.0.0/8", "192.0.2.1": "192.0.2.1/32", "2001:DB8::/32,::1": "2001:db8::/32,::1/128" },
    bad: ["", "10.0.0.0/33", "example.com", "10.0.0.0/8;-j ACCEPT"],
    bound: "10.0.0.0/8,fd00::/8",
    beyond: "10.1.0.0/16,11.0.0.0/16",
  },
  "exclude-outbound-ports": { good: { "25": "25" }, bad: ["smtp"], bound: "25", beyond: "26" },
  "exclude-outbound-cidrs": {
    good: { "0.0.0.0/0": "0.0.0.0/0" },
    bad: ["/0"],
    bound: "10.0.0.0/8",
    beyond: "0.0.0.0/0",
  },
  "server-first-ports": { good: { "3306,25": "3306,25" }, bad: ["3306-3310"], bound: "25", beyond: "3306" },
};

describe.each(podAnnotations.map(({ name }) => [name, samples[name]] as const))(
  "%s",
  (name, { good, bad, bound, beyond }) => {
    test.each(Object.entries(good))("takes %j", (text, normal) => {
      expect(read({ [name]: text })).toEqual({ values: new Map([[name, normal]]), problems: [], warnings: [] });
    });

    test.each(bad)("refuses %j", (text) => {
      const { values, problems } = read({ [name]: text });
      expect(values.size).toBe(0);
      expect(problems).toEqual([expect.stringContaining(`annotation heddle.dev/${name} is `)]);
    });

    test("is bounded by the mesh and by its namespace", () => {
      const parsed = parseBound(name, bound);
      expect(read({ [name]: beyond }, shop, new Map([[name, parsed]])).problems).toEqual([
        expect.stringContaining(`is ${parsed}`),
      ]);
      const bounded = { ...shop, annotations: { [`heddle.dev/bound-${name}`]: bound } };
      expect(read({ [name]: beyond }, bounded).problems).toEqual([
        expect.stringContaining("the bound of namespace shop"),
      ]);
      const within = name.startsWith("exclude") || name.startsWith("server") ? (bound.split(",")[0] ?? "") : bound;
      expect(read({ [name]: within }, bounded, new Map([[name, parsed]])).problems).toEqual([]);
    });

    test("is refused while its namespace's bounds are unknown or no bounds, with what to do", () => {
      const value = Object.keys(good)[0] ?? "";
      expect(read({ [name]: value }, { ...shop, annotations: undefined }).problems).toEqual([
        expect.stringContaining("try again"),
      ]);
      const wrong = { ...shop, annotations: { [`heddle.dev/bound-${name}`]: "wrong!" } };
      expect(read({ [name]: value }, wrong).problems).toEqual([expect.stringContaining("correct that first")]);
    });

    test("the mesh's bound, if it is not set, is one", () => {
      const setting = boundSettings.find(({ annotation }) => annotation === name);
      expect(setting?.name).toBe(`bound-${name}`);
      expect(parseBound(name, setting?.fallback ?? "")).toBe(setting?.fallback);
      expect(() => parseBound(name, "wrong!")).toThrow(/must be .*'wrong!'/);
    });
  },
);

describe("exclusions where pods may not opt out", () => {
  const strict = { name: "strict", enforced: true, annotations: {} };
  const exclusions = podAnnotations.filter((row) => "isExclusion" in row).map(({ name }) => name);

  test("are the ports and addresses of both directions", () => {
    expect(exclusions).toEqual(
      ["inbound-ports", "inbound-cidrs", "outbound-ports", "outbound-cidrs"].map((part) => `exclude-${part}`),
    );
  });

  test.each(exclusions)("%s needs the namespace's consent", (name) => {
    const value = Object.keys(samples[name].good)[0] ?? "";
    expect(read({ [name]: value }, strict).problems).toEqual([expect.stringContaining(`heddle.dev/bound-${name}`)]);
    const consenting = { ...strict, annotations: { [`heddle.dev/bound-${name}`]: "any" } };
    expect(read({ [name]: value }, consenting).problems).toEqual([]);
    // A namespace cannot allow what the mesh does not.
    expect(read({ [name]: value }, consenting, new Map([[name, "none"]])).problems).toHaveLength(1);
  });

  test("other annotations do not", () => {
    expect(read({ "proxy-concurrency": "1", "server-first-ports": "25" }, strict).problems).toEqual([]);
  });
});

test("what is misspelt is a warning, and what is not ours is nothing", () => {
  const { problems, warnings } = readAnnotations(
    {
      "heddle.dev/proxy-cpu": "1",
      "heddle.dev/inject": "disabled",
      "heddle.dev/class": "cart-0123456789",
      "heddle.dev/toString": "",
      "example.com/proxy-cpu": "1",
    },
    shop,
    none,
  );
  expect(problems).toEqual([]);
  expect(warnings).toEqual([
    'annotation "heddle.dev/proxy-cpu" has no effect: Heddle does not know it',
    "heddle.dev/inject is a label, and has no effect as an annotation",
    'annotation "heddle.dev/toString" has no effect: Heddle does not know it',
  ]);
});
