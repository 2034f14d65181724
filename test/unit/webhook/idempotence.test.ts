import fc from "fast-check";
import { applyPatch } from "rfc6902";
import { describe, expect, test } from "vitest";
import { injectPod } from "../../../src/webhook/inject.ts";
import { podPatch } from "../../../src/webhook/patch.ts";
import { type AdmissionPod, parsePod } from "../../../src/webhook/pod.ts";
import { app, settings, shop } from "./pods.ts";

// Names that are legal or at least can be sent, among them properties of every object.
const name = fc.oneof(
  fc.constantFrom("constructor", "__proto__", "no", "toString", "heddle", "a/b", "a~1b"),
  fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/),
);
const record = fc.dictionary(name, fc.string({ maxLength: 5 }), { maxKeys: 4 });
const port = fc.record(
  { containerPort: fc.integer({ min: 1, max: 65_535 }), name, protocol: fc.constantFrom("TCP", "UDP") },
  { requiredKeys: ["containerPort"] },
);
const container = fc.record(
  {
    name,
    image: fc.string({ maxLength: 5 }),
    ports: fc.array(port, { maxLength: 3 }),
    restartPolicy: fc.constantFrom("Always"),
    env: fc.array(fc.record({ name, value: fc.string({ maxLength: 3 }) }), { maxLength: 2 }),
  },
  { requiredKeys: ["name", "image"] },
);
const unique = (maximum: number) => fc.uniqueArray(container, { selector: (each) => each.name, maxLength: maximum });
const pods = fc
  .record(
    {
      labels: record,
      annotations: record,
      serviceAccountName: name,
      containers: fc.array(container, { minLength: 1, maxLength: 3 }),
      initContainers: unique(3),
      volumes: fc.uniqueArray(name, { maxLength: 3 }).map((list) => list.map((each) => ({ name: each, emptyDir: {} }))),
    },
    { requiredKeys: ["containers"] },
  )
  .map(({ labels, annotations, ...spec }) => {
    const metadata = { generateName: "x-", ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) };
    // What a webhook gets went through JSON.
    return parsePod(JSON.parse(JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata, spec })));
  });

/** The pod as the API server has it after the patch. */
function admitted(pod: AdmissionPod): AdmissionPod {
  const injection = injectPod(pod, shop, settings);
  if (injection.kind !== "injected") throw new Error(JSON.stringify(injection));
  const copy = structuredClone(pod);
  const failures = applyPatch(copy, structuredClone(podPatch(pod, injection.pod))).filter((result) => result !== null);
  expect(failures).toEqual([]);
  expect(JSON.parse(JSON.stringify(copy))).toEqual(JSON.parse(JSON.stringify(injection.pod)));
  return copy;
}

describe("injection as a set", () => {
  test("twice is as once", () => {
    fc.assert(
      fc.property(pods, (pod) => {
        const once = admitted(pod);
        const again = injectPod(once, shop, settings);
        expect(again.kind).toBe("injected");
        if (again.kind === "injected") expect(podPatch(once, again.pod)).toEqual([]);
      }),
    );
  });

  test("before, after or around another plugin that adds a container, the result is the same", () => {
    const added = app({ name: "added-by-another", ports: [{ containerPort: 7000 }] });
    const another = (pod: AdmissionPod, front: boolean): AdmissionPod => {
      const existing = pod.spec.initContainers ?? [];
      const initContainers = front ? [added, ...existing] : [...existing, added];
      return {
        ...pod,
        metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, added: "yes" } },
        spec: { ...pod.spec, initContainers },
      };
    };
    fc.assert(
      fc.property(pods, fc.boolean(), (pod, front) => {
        expect(admitted(another(admitted(pod), front))).toEqual(admitted(another(pod, front)));
      }),
    );
  });

  test("a patch only adds: nothing of the user's is removed, moved or replaced", () => {
    fc.assert(
      fc.property(pods, (pod) => {
        const injection = injectPod(pod, shop, settings);
        if (injection.kind !== "injected") throw new Error(injection.kind);
        const operations = podPatch(pod, injection.pod);
        expect(operations.every(({ op }) => op === "add")).toBe(true);
        expect(
          operations.every(({ path }) => /^\/(metadata\/annotations|spec\/(initContainers|volumes))(\/|$)/.test(path)),
        ).toBe(true);
      }),
    );
  });
});

describe("the cost of a patch", () => {
  test("follows the change, not the size of the pod", () => {
    const many = Array.from({ length: 20_000 }, (_, index) => ({ name: `c${index}`, image: "x" }));
    const volumes = many.map(({ name: each }) => ({ name: each, emptyDir: {} }));
    const pod = parsePod({
      metadata: { generateName: "x-" },
      spec: { containers: many, initContainers: many, volumes },
    });
    const injection = injectPod(pod, shop, settings);
    if (injection.kind !== "injected") throw new Error(injection.kind);
    // The library's comparison of two lists of this length would need 4 * 10^8 steps, and a stack as deep.
    expect(podPatch(pod, injection.pod).map(({ path }) => path)).toEqual([
      "/metadata/annotations",
      "/spec/initContainers/0",
      "/spec/initContainers/1",
      "/spec/volumes/20000",
      "/spec/volumes/20001",
    ]);
  });

  test("lists of other things are replaced whole", () => {
    const pod = (args: string[]) => ({ metadata: {}, spec: { containers: [{ name: "a", args }] } });
    expect(podPatch(pod(["1", "2"]), pod(["1", "3"]))).toEqual([
      { op: "replace", path: "/spec/containers/0/args", value: ["1", "3"] },
    ]);
  });
});
