/**
 * Least privilege: what the chart's roles give the operator, against what the API server has written down of all that the
 * operator asked in the tests before, both ways.
 */
import { beforeAll, expect, test } from "vitest";
import { render } from "../../support/chart.ts";
import { objectsOf } from "../../support/manifests.ts";
import { useMesh } from "../cluster.ts";

const mesh = useMesh();

/** One verb on one resource, of one object where the role names it. */
interface Permission {
  readonly group: string;
  /** With its subresource, as roles write it. */
  readonly resource: string;
  readonly verb: string;
  readonly name: string | undefined;
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** A line of the audit log, as far as it is looked at. */
interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource: string;
    readonly subresource?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What may be granted without a use in these tests, and why. */
const unusedHere: readonly { readonly reason: string; readonly covers: (permission: Permission) => boolean }[] = [
  {
    reason: "cert-manager is not in the cluster: test/dataplane/operator/cert-manager.test.ts",
    covers: ({ group, name }) => group === "cert-manager.io" || name === "certificates.cert-manager.io",
  },
];

const permissionsOf = (rules: readonly Rule[]): readonly Permission[] =>
  rules.flatMap(({ apiGroups, resources, resourceNames = [undefined], verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.flatMap((verb) => resourceNames.map((name) => ({ group, resource, verb, name }))),
      ),
    ),
  );

const inWords = ({ group, resource, verb, name }: Permission): string =>
  [verb, group === "" ? resource : `${resource}.${group}`, ...(name === undefined ? [] : [name])].join(" ");

function permissionsUsedBy({ verb, objectRef, responseStatus }: AuditEvent): readonly Permission[] {
  if (objectRef === undefined) return [];
  const { apiGroup: group = "", resource, subresource, name } = objectRef;
  const used = { group, resource: subresource === undefined ? resource : `${resource}/${subresource}`, verb, name };
  // An apply that makes the object is let in by `create` too.
  return verb === "patch" && responseStatus?.code === 201 ? [used, { ...used, verb: "create" }] : [used];
}

let granted: readonly Permission[];
let events: readonly AuditEvent[];

beforeAll(async () => {
  const roles = objectsOf(await render({})).filter(
    ({ kind, metadata }) => (kind === "ClusterRole" || kind === "Role") && metadata.name === "heddle",
  );
  expect(roles).toHaveLength(2);
  granted = roles.flatMap(({ rules }) => permissionsOf(rules));
  const node = await mesh().kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}");
  const log = await mesh().kubectl("get", "--raw", `/api/v1/nodes/${node}/proxy/logs/heddle-audit/audit.log`);
  events = log
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as AuditEvent);
});

test("nothing that the operator asked was refused to it", () => {
  const refused = events.filter(({ annotations }) => annotations?.["authorization.k8s.io/decision"] !== "allow");
  expect(refused.map(({ verb, requestURI }) => `${verb} ${requestURI}`)).toEqual([]);
  expect(events.length).toBeGreaterThan(500);
});

test("all that the roles grant was used, but for what cannot be here", () => {
  const used = new Set(
    events
      .flatMap(permissionsUsedBy)
      .flatMap((permission) => [inWords(permission), inWords({ ...permission, name: undefined })]),
  );
  const isExplained = (permission: Permission): boolean => unusedHere.some(({ covers }) => covers(permission));
  const unused = granted.filter((permission) => !used.has(inWords(permission)));
  expect(unused.filter((permission) => !isExplained(permission)).map(inWords)).toEqual([]);
  for (const { reason, covers } of unusedHere) expect(unused.some(covers), reason).toBe(true);
});
