import { describe, expect, test } from "vitest";
import type { KubernetesObject, Namespace, Pod } from "../../../src/api/kubernetes.ts";
import { createUninjectedController } from "../../../src/controllers/uninjected.ts";
import { watches } from "../../../src/controllers/watches.ts";
import { type ExemptiblePod, exemptionsOf } from "../../../src/model/exemptions.ts";
import { uninjectedPods } from "../../../src/reconcilers/uninjected.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { namespace, pod } from "../../support/objects.ts";

const bare = (key: string, more: { metadata?: object; spec?: object; status?: object } = {}): Pod => {
  const made = pod(key, { injected: false });
  return {
    ...made,
    metadata: { ...made.metadata, ...more.metadata },
    spec: { ...made.spec, ...more.spec },
    status: { ...made.status, ...more.status },
  };
};
const bareNamespace: Namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "bare" } };
const keyOf = ({ metadata }: KubernetesObject): string =>
  metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
const byKey = <T extends KubernetesObject>(objects: readonly T[]) =>
  new Map(objects.map((object) => [keyOf(object), object]));
const found = (namespaces: readonly Namespace[], pods: readonly Pod[]): readonly string[] =>
  uninjectedPods(byKey(namespaces), byKey(pods), "heddle-system").flatMap(({ pods: list }) => list.map(keyOf));

describe("a pod that should have a sidecar and has none", () => {
  test("is one of a namespace of the mesh, whichever its label", () => {
    const namespaces = [namespace("shop"), namespace("strict", "enforced"), namespace("out", "disabled")];
    const pods = ["strict/b", "shop/b", "shop/a", "out/a", "unknown/a"].map((key) => bare(key));
    expect(found([...namespaces, bareNamespace], [...pods, bare("bare/a"), pod("shop/injected")])).toEqual([
      "shop/a",
      "shop/b",
      "strict/b",
    ]);
  });

  test("is none of kube-system or of the operator's namespace", () => {
    const names = ["kube-system", "heddle-system"];
    expect(
      found(
        names.map((name) => namespace(name)),
        names.map((name) => bare(`${name}/a`)),
      ),
    ).toEqual([]);
  });

  test("is none that has ended or is ending", () => {
    const pods = [
      bare("shop/done", { status: { phase: "Succeeded" } }),
      bare("shop/failed", { status: { phase: "Failed" } }),
      bare("shop/ending", { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } }),
      bare("shop/waiting", { status: { phase: "Pending" } }),
    ];
    expect(found([namespace("shop")], pods)).toEqual(["shop/waiting"]);
  });

  const exempt = new Map<string, readonly Pod[]>([
    ["not-host-network", [bare("shop/a", { spec: { hostNetwork: true } })]],
    ["not-mirror", [bare("shop/a", { metadata: { annotations: { "kubernetes.io/config.mirror": "x" } } })]],
    [
      "not-windows",
      [
        bare("shop/a", { spec: { os: { name: "windows" } } }),
        bare("shop/b", { spec: { nodeSelector: { "kubernetes.io/os": "windows" } } }),
      ],
    ],
    ["not-opted-out", [bare("shop/a", { metadata: { labels: { "heddle.dev/inject": "disabled" } } })]],
  ]);
  const { trim } = watches.find(({ kind }) => kind === "Pod") ?? { trim: () => undefined };

  test.each(exemptionsOf({ enforced: false }).map((exemption) => [exemption.name, exemption] as const))(
    "is none with the exemption %s where that counts, also by what is kept of it",
    (name, exemption) => {
      const pods = exempt.get(name) ?? [];
      expect(pods).not.toEqual([]);
      for (const given of pods) {
        for (const each of [given, trim(given) as Pod]) {
          expect(exemption.applies(each as ExemptiblePod)).toBe(true);
          expect(found([namespace("shop")], [each])).toEqual([]);
          expect(found([namespace("shop", "enforced")], [each])).toEqual(exemption.isAbsolute ? [] : [keyOf(given)]);
        }
      }
    },
  );

  test("is still one by what is kept of it", () => {
    const linux = bare("shop/a", { spec: { os: { name: "linux" }, nodeSelector: { "kubernetes.io/os": "linux" } } });
    expect(found([namespace("shop")], [trim(linux) as Pod])).toEqual(["shop/a"]);
  });
});

describe("the loop", () => {
  const world = () => {
    const clock = createFakeClock();
    const state = { namespaces: [namespace("shop")], pods: [] as readonly Pod[], leads: true, synced: true };
    const events: string[] = [];
    const log = () => {};
    const loop = createUninjectedController({
      clock,
      observed: (kind) => byKey<KubernetesObject>(kind === "Pod" ? state.pods : state.namespaces),
      isSynced: () => state.synced,
      isLeader: () => state.leads,
      rootNamespace: "heddle-system",
      logger: { debug: log, info: log, warn: log, error: log },
      record: ({ kind, metadata }, { reason, note }) => void events.push(`${kind} ${metadata.name} ${reason}: ${note}`),
    });
    const look = async (change: Partial<typeof state> = {}): Promise<readonly string[]> => {
      Object.assign(state, change);
      events.length = 0;
      loop.look();
      await clock.advance(1000);
      return [...events];
    };
    return { loop, look };
  };
  const bares = (count: number, name = "shop") =>
    Array.from({ length: count }, (_, index) => bare(`${name}/p${index}`));

  test("counts, and tells once of each time that a namespace begins to have such pods", async () => {
    const { loop, look } = world();
    expect(await look({ pods: bares(5) })).toMatchObject([
      expect.stringContaining(
        "Namespace shop NoSidecar: p0, p1, p2 and 2 more have no sidecar, although namespace shop is labelled heddle.dev/inject=enabled",
      ),
      expect.stringMatching(/^Pod p0 NoSidecar: p0 has no sidecar.*kubectl rollout restart deployment -n shop\.$/),
      ...[1, 2, 3, 4].map((index) => expect.stringContaining(`Pod p${index} `)),
    ]);
    expect([...loop.counts]).toEqual([["shop", 5]]);
    expect(await look({ pods: bares(4) })).toEqual([]);
    expect([...loop.counts]).toEqual([["shop", 4]]);
    expect(await look({ pods: [] })).toEqual([]);
    expect([...loop.counts]).toEqual([]);
    expect(await look({ pods: bares(1) })).toHaveLength(2);
  });

  test("tells as the leader only, also of what it counted before", async () => {
    const { loop, look } = world();
    expect(await look({ pods: bares(1), leads: false })).toEqual([]);
    expect([...loop.counts]).toEqual([["shop", 1]]);
    expect(await look({ leads: true })).toHaveLength(2);
  });

  test("says nothing before pods and namespaces are listed", async () => {
    const { loop, look } = world();
    expect(await look({ pods: bares(1), synced: false })).toEqual([]);
    expect([...loop.counts]).toEqual([]);
  });

  test("tells of ten pods of a namespace, and counts a hundred namespaces by name", async () => {
    const { loop, look } = world();
    expect(await look({ pods: bares(30) })).toHaveLength(11);
    const names = Array.from({ length: 103 }, (_, index) => `n${index}`);
    const pods = names.flatMap((name, index) => bares(index < 3 ? 1 : 2, name));
    await look({ namespaces: names.map((name) => namespace(name)), pods });
    expect(loop.counts.size).toBe(101);
    expect(loop.counts.get("")).toBe(3);
    expect(loop.counts.has("n0")).toBe(false);
    expect(loop.counts.get("n3")).toBe(2);
  });
});
