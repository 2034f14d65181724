import { describe, expect, test } from "vitest";
import { injectPod } from "../../../src/webhook/inject.ts";
import { podPatch } from "../../../src/webhook/patch.ts";
import type { AdmissionPod } from "../../../src/webhook/pod.ts";
import { inject, podWith, settings, shop } from "./pods.ts";

const annotated = (annotations: Readonly<Record<string, string>>): AdmissionPod =>
  podWith(
    {},
    {
      annotations: Object.fromEntries(
        Object.entries(annotations).map(([name, value]) => [`heddle.dev/${name}`, value]),
      ),
    },
  );

function containersOf(pod: AdmissionPod) {
  const [redirect, proxy] = pod.spec.initContainers ?? [];
  if (redirect === undefined || proxy === undefined) throw new Error("not injected");
  return { redirect, proxy };
}

/** The argument behind an option. */
const argument = (args: readonly string[] | undefined, option: string): string | undefined =>
  args?.[args.indexOf(option) + 1];

describe("annotations of a pod", () => {
  test("set the sidecar's resources, threads, log level and drain time", () => {
    const { proxy } = containersOf(
      inject(
        annotated({
          "proxy-cpu-request": "100m",
          "proxy-cpu-limit": "4",
          "proxy-memory-request": "128Mi",
          "proxy-memory-limit": "1Gi",
          "proxy-concurrency": "4",
          "proxy-log-level": "debug",
          "drain-time": "10s",
        }),
      ),
    );
    expect(proxy.resources).toEqual({
      requests: { cpu: "100m", memory: "128Mi" },
      limits: { cpu: "4", memory: "1Gi" },
    });
    expect(argument(proxy.args, "--concurrency")).toBe("4");
    expect(argument(proxy.args, "--log-level")).toBe("debug");
    expect(argument(proxy.args, "--drain-time-s")).toBe("10");
  });

  test("tell the redirect what to leave alone", () => {
    const { redirect } = containersOf(
      inject(
        annotated({
          "exclude-inbound-ports": "9000,9001",
          "exclude-inbound-cidrs": "192.0.2.1",
          "exclude-outbound-ports": "25",
          "exclude-outbound-cidrs": "10.0.0.0/8,fd00::/8",
        }),
      ),
    );
    expect(argument(redirect.args, "--exclude-inbound-ports")).toBe("15020,9000,9001");
    expect(argument(redirect.args, "--exclude-inbound-cidrs")).toBe("192.0.2.1/32");
    expect(argument(redirect.args, "--exclude-outbound-ports")).toBe("25");
    expect(argument(redirect.args, "--exclude-outbound-cidrs")).toBe("10.0.0.0/8,fd00::/8");
  });

  test.each([
    ["exclude-inbound-ports", "excludedPorts"],
    ["server-first-ports", "serverFirstPorts"],
  ] as const)("put what %s says on record for the compile, as part of the class", (name, recorded) => {
    const pod = annotated({ [name]: "9001,9000" });
    const injected = inject(pod);
    expect(containersOf(injected).proxy.env).toContainEqual({
      name: "HEDDLE_WORKLOAD",
      value: `{"${recorded}":[9000,9001]}`,
    });
    expect(injected.metadata.annotations?.["heddle.dev/class"]).not.toBe(
      inject(podWith()).metadata.annotations?.["heddle.dev/class"],
    );
    expect(podPatch(injected, inject(injected))).toEqual([]);
  });

  test.each([
    [{ "proxy-cpu-limit": "lots" }, /heddle.dev\/proxy-cpu-limit is "lots": it must be/],
    [{ "proxy-cpu-limit": "5" }, /the mesh's bound, the largest value, is 4/],
    [{ "proxy-cpu-request": "3" }, /the sidecar's cpu request, 3, is more than its limit, 2/],
    [{ "proxy-memory-request": "600Mi" }, /the sidecar's memory request, 600Mi, is more than its limit, 512Mi/],
  ])("%j is refused", (annotations, message) => {
    const injection = injectPod(annotated(annotations), shop, settings);
    expect(injection).toMatchObject({ kind: "refused", message: expect.stringMatching(message) });
  });

  test("that nobody knows are warnings", () => {
    expect(injectPod(annotated({ "proxy-cpus": "1" }), shop, settings)).toMatchObject({
      kind: "injected",
      warnings: [expect.stringContaining("heddle.dev/proxy-cpus")],
    });
  });

  test("win over what others did to resources, which stays where nothing is asked", () => {
    const scaled = (pod: AdmissionPod): AdmissionPod => ({
      ...pod,
      spec: {
        ...pod.spec,
        initContainers: (pod.spec.initContainers ?? []).map((each) => ({
          ...each,
          resources: { limits: { cpu: "9" } },
        })),
      },
    });
    const asked = scaled(inject(annotated({ "proxy-cpu-limit": "1" })));
    expect(containersOf(inject(asked)).proxy.resources?.limits).toEqual({ cpu: "1", memory: "512Mi" });
    const notAsked = scaled(inject(podWith()));
    expect(podPatch(notAsked, inject(notAsked))).toEqual([]);
  });
});
