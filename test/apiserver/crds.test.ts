import { readFileSync } from "node:fs";
import { request } from "node:https";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type Kind, kinds } from "../../src/api/kinds.ts";
import { readCustomResources, type Schema } from "../../tools/generate/custom-resources.ts";
import { apiServer } from "../support/api-server.ts";
import { readSamples, type Sample } from "./crds/samples.ts";

const folder = new URL("../../crds/", import.meta.url).pathname;
const resources = await readCustomResources(folder);
const samples = readSamples();

const ours: Readonly<Record<string, Kind>> = {
  TrafficSplit: kinds.TrafficSplit,
  AuthorizationPolicy: kinds.AuthorizationPolicy,
  MeshTLS: kinds.MeshTLS,
};

interface Answer {
  readonly code: number;
  readonly body: {
    readonly message?: string;
    readonly details?: { readonly causes?: readonly { readonly message: string; readonly field?: string }[] };
    readonly [field: string]: unknown;
  };
}

/** One request to the real API server. */
function call(method: string, path: string, body?: unknown, contentType = "application/json"): Promise<Answer> {
  const { url, authority, adminToken } = apiServer();
  return new Promise((resolve, reject) => {
    const sent = request(
      new URL(path, url),
      {
        method,
        ca: authority,
        headers: { authorization: `Bearer ${adminToken}`, accept: "application/json", "content-type": contentType },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          resolve({ code: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) });
        });
      },
    );
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const crdPath = (name: string) => `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;
const collection = (kind: Kind) => `/apis/${kind.apiVersion}/namespaces/default/${kind.plural}`;

function kindOf(sample: Sample): Kind {
  const kind = ours[sample.kind];
  if (kind === undefined) throw new Error(`no kind ${sample.kind}`);
  return kind;
}

/** What the API server says to the creation of a sample, which is not kept. */
function create(sample: Sample): Promise<Answer> {
  const kind = kindOf(sample);
  const object = { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name: "sample" }, ...sample.body };
  return call("POST", `${collection(kind)}?dryRun=All&fieldValidation=Strict`, object);
}

interface Definition {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

beforeAll(async () => {
  for (const { file, plural, group } of resources) {
    const name = `${plural}.${group}`;
    const definition = parse(readFileSync(`${folder}${file}`, "utf8"));
    const path = `${crdPath(name)}?fieldManager=test&force=true&fieldValidation=Strict`;
    const applied = await call("PATCH", path, definition, "application/apply-patch+yaml");
    expect(applied.body.message, name).toBeUndefined();
    await expect
      .poll(async () => {
        const { status } = (await call("GET", crdPath(name))).body as Definition;
        return status?.conditions?.find(({ type }) => type === "Established")?.status;
      }, { timeout: 20_000 })
      .toBe("True");
    await expect.poll(async () => (await call("GET", collection(kindOf({ kind: parse(JSON.stringify(definition)).spec.names.kind, name: "", body: {} })))).code).toBe(200);
  }
});

describe("definitions", () => {
  test.each(resources)("$kind has a structural schema and accepted names", async ({ plural, group }) => {
    const { status } = (await call("GET", crdPath(`${plural}.${group}`))).body as Definition;
    const conditions = Object.fromEntries((status?.conditions ?? []).map(({ type, status }) => [type, status]));
    expect(conditions).toEqual({ Established: "True", NamesAccepted: "True" });
  });
});
