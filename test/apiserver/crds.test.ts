import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { type Kind, kinds } from "../../src/api/kinds.ts";
import { readCustomResources } from "../../tools/generate/custom-resources.ts";
import { apiServer } from "../support/api-server.ts";
import { rulesMeantBy, rulesOf } from "./crds/rules.ts";
import { readSamples, type Sample } from "./crds/samples.ts";

const folder = join(import.meta.dirname, "../../crds");
const resources = await readCustomResources(folder);
const samples = readSamples();
const namespace = "crds-test";
const agent = new Agent({ keepAlive: true, maxSockets: 4 });

const ours: ReadonlyMap<string, Kind> = new Map(
  [kinds.TrafficSplit, kinds.AuthorizationPolicy, kinds.MeshTLS].map((kind) => [kind.kind, kind]),
);

function kindNamed(name: string): Kind {
  const kind = ours.get(name);
  if (kind === undefined) throw new Error(`no kind ${name}`);
  return kind;
}

interface Cause {
  readonly message: string;
  readonly field?: string;
}

/** What the API server answered: an object, or a Status. */
interface Answer {
  readonly code: number;
  readonly body: {
    readonly message?: string;
    readonly details?: { readonly causes?: readonly Cause[] };
    readonly [field: string]: unknown;
  };
}

interface CallOptions {
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
}

/** One request to the real API server. */
function call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
  const { url, authority, adminToken } = apiServer();
  const { body, contentType = "application/json", accept = "application/json" } = options;
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${adminToken}`, accept, "content-type": contentType };
    const sent = request(new URL(path, url), { method, agent, ca: authority, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        resolve({ code: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) });
      });
    });
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const crdPath = (name: string) => `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;
const collection = (kind: Kind) => `/apis/${kind.apiVersion}/namespaces/${namespace}/${kind.plural}`;

function objectOf(kind: Kind, name: string, body: Readonly<Record<string, unknown>>): unknown {
  return { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name }, ...body };
}

/** What the API server says to the creation of a sample, which is not kept. */
function create(sample: Sample): Promise<Answer> {
  const kind = kindNamed(sample.kind);
  const body = objectOf(kind, sample.called, sample.body);
  return call("POST", `${collection(kind)}?dryRun=All&fieldValidation=Strict`, { body });
}

/** Conditions of a CRD, by type. */
async function conditionsOf(name: string): Promise<Readonly<Record<string, string>>> {
  const { status } = (await call("GET", crdPath(name))).body as {
    readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  };
  return Object.fromEntries((status?.conditions ?? []).map((condition) => [condition.type, condition.status]));
}

/** The answer to each sample. */
const answers = new Map<Sample, Answer>();

beforeAll(async () => {
  await call("POST", "/api/v1/namespaces", { body: { metadata: { name: namespace } } });
  for (const { kind, file, plural, group } of resources) {
    const name = `${plural}.${group}`;
    const body = parse(readFileSync(join(folder, file), "utf8"));
    const path = `${crdPath(name)}?fieldManager=crds-test&force=true&fieldValidation=Strict`;
    const applied = await call("PATCH", path, { body, contentType: "application/apply-patch+yaml" });
    expect(applied.body.message, `${name} is taken`).toBeUndefined();
    const established = async () => {
      expect((await conditionsOf(name))["Established"]).toBe("True");
      expect((await call("GET", collection(kindNamed(kind)))).code).toBe(200);
    };
    await vi.waitFor(established, { timeout: 60_000 });
  }
  const created = await Promise.all(samples.map(async (sample) => [sample, await create(sample)] as const));
  for (const [sample, answer] of created) answers.set(sample, answer);
});

afterAll(() => agent.destroy());

describe("definitions", () => {
  test.each(resources)("$kind is established, its schema is structural", async ({ plural, group }) => {
    expect(await conditionsOf(`${plural}.${group}`)).toEqual({ Established: "True", NamesAccepted: "True" });
  });

  test("short names and clashing categories are not taken", async () => {
    const { body } = await call("GET", "/apis/heddle.dev/v1alpha1");
    const served = (body["resources"] as readonly { name: string; shortNames?: string[]; categories?: string[] }[])
      .filter(({ name }) => !name.includes("/"))
      .map(({ name, shortNames, categories }) => ({ name, shortNames, categories }));
    expect(served).toHaveLength(3);
    for (const resource of served)
      expect(resource).toMatchObject({ shortNames: undefined, categories: ["heddle", "mesh"] });
  });
});

describe.each([...ours.keys()])("%s", (kind) => {
  test.each(samples.filter((sample) => sample.kind === kind))("$name", (sample) => {
    const answer = answers.get(sample);
    if (sample.refusal === undefined) {
      expect(answer?.body.message).toBeUndefined();
      // Nothing is defaulted or dropped.
      expect(answer?.body["spec"]).toEqual(sample.body["spec"]);
    } else {
      expect(answer?.body.message).toContain(sample.refusal);
    }
  });

  test("every rule has a sample that is refused by it", () => {
    const spec = resources.find((resource) => resource.kind === kind)?.schema.properties?.["spec"];
    const rules = new Set(["spec required", ...rulesOf(spec ?? {}, "spec")]);
    for (const sample of samples.filter((candidate) => candidate.kind === kind && candidate.refusal !== undefined)) {
      const causes = answers.get(sample)?.body.details?.causes ?? [];
      for (const rule of causes.flatMap(rulesMeantBy)) rules.delete(rule);
    }
    expect([...rules]).toEqual([]);
  });
});

describe("status", () => {
  const specs: ReadonlyMap<string, unknown> = new Map<string, unknown>([
    ["TrafficSplit", { service: "checkout", backends: [{ service: "v1", weight: 90 }] }],
    ["AuthorizationPolicy", { action: "DENY", enforcement: "DryRun", rules: [{}] }],
    ["MeshTLS", { mode: "Strict" }],
  ]);
  const status = {
    observedGeneration: 1,
    conditions: [
      {
        type: "Ready",
        status: "False",
        reason: "Pending",
        message: "11 of 12 proxies have it.",
        observedGeneration: 1,
        lastTransitionTime: "2026-01-01T00:00:00Z",
      },
    ],
    proxies: { total: 12, synced: 11, rejected: 0, disconnected: 1, summary: "11/12" },
    summary: "v1 90",
    findings: [{ code: "UnknownPort", field: "spec", message: "a finding" }],
  };
  const columns: ReadonlyMap<string, readonly (readonly [string, string])[]> = new Map([
    [
      "TrafficSplit",
      [
        ["Service", "checkout"],
        ["Split", "v1 90"],
      ],
    ],
    [
      "AuthorizationPolicy",
      [
        ["Action", "DENY"],
        ["Enforcement", "DryRun"],
      ],
    ],
    ["MeshTLS", [["Mode", "Strict"]]],
  ]);

  test.each([...specs])("of a %s is the operator's, and shown", async (name, spec) => {
    const kind = kindNamed(name);
    const body = objectOf(kind, "printed", { spec, status });
    const created = (await call("POST", collection(kind), { body })).body;
    // A user cannot write it, and an object that the operator has not seen does not look healthy.
    expect(created["status"]).toEqual({ observedGeneration: -1 });

    const path = `${collection(kind)}/printed`;
    const patch = { body: { status }, contentType: "application/merge-patch+json" };
    const written = (await call("PATCH", `${path}/status`, patch)).body;
    expect(written.message).toBeUndefined();
    expect(written["status"]).toEqual(status);
    expect(written["metadata"]).toMatchObject({ generation: 1 });

    const table = (await call("GET", path, { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" })).body as {
      readonly columnDefinitions?: readonly { readonly name: string; readonly priority: number }[];
      readonly rows?: readonly { readonly cells: readonly unknown[] }[];
    };
    const cells = (table.columnDefinitions ?? []).map(({ name: column }, index) => [
      column,
      table.rows?.[0]?.cells[index],
    ]);
    expect(cells).toEqual([
      ["Name", "printed"],
      ...(columns.get(name) ?? []),
      ["Ready", "False"],
      ["Proxies", "11/12"],
      ["Reason", "Pending"],
      ["Age", expect.any(String)],
    ]);
    expect(table.columnDefinitions?.find(({ name: column }) => column === "Reason")?.priority).toBe(1);
  });

  test("at most 16 findings, and one condition of a type", async () => {
    const kind = kindNamed("MeshTLS");
    const finding = { code: "UnknownPort", field: "spec", message: "a finding" };
    const [condition] = status.conditions;
    const path = `${collection(kind)}/bounded`;
    await call("POST", collection(kind), { body: objectOf(kind, "bounded", { spec: { mode: "Strict" } }) });
    const write = async (part: unknown) => {
      const patch = { body: { status: part }, contentType: "application/merge-patch+json" };
      return (await call("PATCH", `${path}/status`, patch)).body.message;
    };
    expect(await write({ findings: Array.from({ length: 16 }, () => finding) })).toBeUndefined();
    expect(await write({ findings: Array.from({ length: 17 }, () => finding) })).toContain(
      "must have at most 16 items",
    );
    expect(await write({ conditions: [condition, condition] })).toContain("Duplicate value");
    expect(await write({ conditions: [{ ...condition, status: "Maybe" }] })).toContain("Unsupported value");
  });
});
