import { describe, expect, test } from "vitest";
import type { KindName } from "../../../src/api/kinds.ts";
import { createMissingKinds, knowledgeOf, type Seen } from "../../../src/controllers/knowledge.ts";
import { watches } from "../../../src/controllers/watches.ts";
import type { ReflectorState } from "../../../src/kube/reflector.ts";

/** Every kind is listed and watched but these. */
const without = (states: Readonly<Partial<Record<KindName, ReflectorState>>>, isListed = false): Seen => ({
  synced: isListed || Object.keys(states).length === 0,
  isSynced: (kind) => isListed || !Object.hasOwn(states, kind),
  stateOf: (kind) => states[kind] ?? "watching",
});

describe("what may be worked out", () => {
  test("is everything once every kind was listed, whatever becomes of the watches", () => {
    expect(knowledgeOf(without({}))).toBe("everything");
    expect(knowledgeOf(without({ AuthorizationPolicy: "waiting", Pod: "retrying" }, true))).toBe("everything");
  });

  test.each(watches.filter(({ onDemand }) => onDemand !== true).map(({ kind }) => ({ kind })))(
    "is no configuration without $kind",
    ({ kind }) => {
      for (const state of ["listing", "retrying", "waiting", "forbidden"] as const)
        expect(knowledgeOf(without({ [kind]: state }))).not.toBe("everything");
    },
  );

  test("is who needs an identity, without any kind but pods, Secrets, and MeshTLS until that is known to be missing", () => {
    const others = { TrafficSplit: "waiting", AuthorizationPolicy: "forbidden", Service: "listing" } as const;
    expect(knowledgeOf(without(others))).toBe("identities");
    for (const state of ["waiting", "forbidden", "retrying"] as const)
      expect(knowledgeOf(without({ ...others, MeshTLS: state }))).toBe("identities");
    for (const kind of ["MeshTLS", "Pod", "Secret"] as const)
      expect(knowledgeOf(without({ ...others, [kind]: "listing" }))).toBe("nothing");
    expect(knowledgeOf(without({ Pod: "retrying" }))).toBe("nothing");
  });
});

describe("a definition that is missing", () => {
  const logger = () => {
    const lines: string[] = [];
    const push = (_fields: object, message: string) => void lines.push(message);
    return { lines, logger: { debug: push, info: push, warn: push, error: push } };
  };

  test("is told of in the log once, and in an event by the leader; so is that it is back", () => {
    let seen = without({ TrafficSplit: "waiting" });
    let isLeader = false;
    const { lines, logger: log } = logger();
    const events: string[] = [];
    const missing = createMissingKinds({
      seen: {
        get synced() {
          return seen.synced;
        },
        isSynced: (kind) => seen.isSynced(kind),
        stateOf: (kind) => seen.stateOf(kind),
      },
      isLeader: () => isLeader,
      logger: log,
      record: ({ kind, metadata }, { reason }) => void events.push(`${kind} ${metadata.name} ${reason}`),
    });
    missing.look();
    missing.look();
    expect(lines).toEqual([expect.stringContaining("publishes nothing")]);
    expect(events).toEqual([]);
    isLeader = true;
    missing.look();
    expect(events).toEqual(["CustomResourceDefinition trafficsplits.heddle.dev KindMissing"]);
    seen = without({});
    missing.look();
    missing.look();
    expect(lines.slice(1)).toEqual(["every kind is listed"]);
    seen = without({ TrafficSplit: "waiting" }, true);
    missing.look();
    expect(lines.slice(2)).toEqual([expect.stringContaining("stay in force as they were seen last")]);
  });
});
