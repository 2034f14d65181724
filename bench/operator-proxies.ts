/**
 * What thousands of connected sidecars cost the operator: memory, the time and processor time to serve all of them at once, of
 * a change until all whom it concerns have acknowledged it, and of their return after the operator was killed. They are
 * simulated, in a process of their own (`proxies-process.ts`), which shares the processors with the operator.
 */
import { type KindName, kinds } from "../src/api/kinds.ts";
import type { KubernetesObject } from "../src/api/kubernetes.ts";
import type { KubeClient } from "../src/kube/client.ts";
import { quantile, type Row } from "./figures.ts";
import { written } from "./fill.ts";
import { type MeshSize, placeOf, podsOf, policyOf, sliceOf } from "./mesh-objects.ts";
import type { Started, StartOptions, Usage } from "./operator-process.ts";
import { type Proxies, type ProxyFigures, startProxies } from "./proxies.ts";
import { markOf } from "./proxy-resources.ts";
import { createReviewer } from "./reviews.ts";

/** Milliseconds: longer than the hold-offs of a compile and of statuses together; in which is looked what it does anyway. */
const still = 1500;
const idle = 15_000;
/** What it may hold, in MB, and how long the webhook may take to answer meanwhile, in milliseconds. */
const bars = { memory: 350, admission: 100 };

/** Where sidecars are connected. */
export interface ProxiesWorld {
  readonly client: KubeClient;
  readonly size: MeshSize;
  /** It rests, and no sidecar is connected. */
  readonly operator: Started;
  readonly ports: StartOptions["ports"];
  /** Starts the operator again, as it was. */
  readonly start: (onReady: NonNullable<StartOptions["onReady"]>) => Promise<Started>;
}

/** A change, whom it concerns, and how often it is made. */
interface Change {
  readonly what: string;
  readonly concerns: number;
  readonly rounds: number;
  /** Objects that are written because of it. */
  readonly writes: number;
  readonly object: (mark: ReturnType<typeof markOf>) => KubernetesObject;
  readonly mark: (mark: ReturnType<typeof markOf>) => string;
}

/** Measures all of it, as far as it gets, and says why if that is not the end. Ends with no operator. */
export async function measureProxies(world: ProxiesWorld): Promise<readonly Row[]> {
  const proxies = await startProxies(world.client);
  const rows: Row[] = [];
  try {
    rows.push(...(await connected(world, proxies)));
    rows.push(...(await changes(world, proxies)));
    const after = world.operator.usage();
    rows.push(row("after these changes: memory", after.resident, "MB"));
    rows.push(row("after these changes: memory at most", after.peak, "MB", bars.memory));
    rows.push(...(await storm(world, proxies)));
  } catch (error) {
    console.log(`${proxies.count} proxies: ${String(error)}`);
    tell("until then", await proxies.figures());
    rows.push(row("could not all be measured", 1, "", 0));
  } finally {
    proxies.stop();
    await world.operator.operator.process.stop();
  }
  return rows.map((each) => ({ ...each, what: `${proxies.count} proxies: ${each.what}` }));
}

const row = (what: string, figure: number, unit: Row["unit"], bar?: number): Row => ({ what, figure, unit, bar });

/** All connect at once to an operator that rests. */
async function connected({ operator, ports }: ProxiesWorld, proxies: Proxies): Promise<readonly Row[]> {
  const before = operator.usage();
  await proxies.connect(ports.xds);
  const start = Date.now();
  const served = (await proxies.served()) - start;
  const then = operator.usage();
  const figures = await proxies.figures();
  tell("connected", figures);
  await operator.quiet(still);
  const rest = operator.usage();
  await operator.quiet(idle);
  const anyway = ((operator.usage().cpu - rest.cpu) / idle) * 1000;
  return [
    row("all connect at once: until the last one has everything", served / 1000, "s"),
    row("all connect at once: processor time until then", (then.cpu - before.cpu) / 1000, "s"),
    row("all connect at once: connections that were begun", figures.tries, ""),
    row("all connect at once: sent to each", figures.bytes / 1024 / proxies.count, "kB"),
    row("before they connect: memory", before.resident, "MB"),
    row("all have everything: memory", then.resident, "MB"),
    row("all have everything, and it rests: memory", operator.usage().resident, "MB"),
    row("all have everything: memory at most", operator.usage().peak, "MB", bars.memory),
    row("a second without a change: processor time", anyway, "ms"),
  ];
}

/** Changes whose acknowledgements are waited for. */
async function changes({ client, size, operator }: ProxiesWorld, proxies: Proxies): Promise<readonly Row[]> {
  const { namespace, name } = placeOf(size, 7);
  const pods = podsOf(size, 7);
  const all: readonly Change[] = [
    {
      what: "a policy of one workload",
      ...{ concerns: proxies.countOf(`${namespace}/${name}-`), rounds: 10, writes: 2 },
      object: ({ path }) => withPath(policyOf(namespace, "one", name, [`${namespace}/app-1`]), path),
      mark: ({ path }) => path,
    },
    {
      what: "a policy of the mesh",
      ...{ concerns: proxies.count, rounds: 3, writes: size.services + 1 },
      object: ({ path }) => policyOfMesh(path),
      mark: ({ path }) => path,
    },
    {
      what: "an endpoint",
      ...{ concerns: proxies.count, rounds: 10, writes: 0 },
      object: ({ address }) => withAddress(sliceOf(size, 7, pods), address),
      mark: ({ address }) => address,
    },
  ];
  const rows: Row[] = [];
  let turn = 0;
  for (const { what, concerns, rounds, writes, object, mark } of all) {
    const figures = { last: [] as number[], served: [] as number[], whole: [] as number[], stray: [] as number[] };
    // The first one creates it.
    for (let round = 0; round <= rounds; round++) {
      const change = markOf(++turn);
      await proxies.figures();
      const before = operator.usage().cpu;
      const start = Date.now();
      await apply(client, object(change));
      const last = await proxies.acknowledged(mark(change), concerns);
      const served = operator.usage().cpu;
      await operator.quiet(still, round === 0 ? 0 : writes);
      const { acknowledged, responses, resources } = await proxies.figures(mark(change));
      if (acknowledged !== concerns) throw new Error(`${what}: ${acknowledged} have it, and not ${concerns}`);
      if (round === 0) continue;
      figures.last.push(last - start);
      figures.served.push(served - before);
      figures.whole.push(operator.usage().cpu - before);
      figures.stray.push(Math.max(responses, resources) - concerns);
    }
    const median = (values: readonly number[]): number => quantile(values, 0.5);
    rows.push(
      row(`${what}: until the last of ${concerns} has acknowledged it`, median(figures.last), "ms"),
      row(`${what}: processor time until then`, mean(figures.served), "ms"),
      row(`${what}: processor time with all that is written`, mean(figures.whole), "ms"),
      row(`${what}: responses or resources beyond one for each`, median(figures.stray), ""),
    );
  }
  return rows;
}

/** The operator is killed, a policy of the mesh changes while it is away, and it is started again. */
async function storm(world: ProxiesWorld, proxies: Proxies): Promise<readonly Row[]> {
  const { client, operator, ports } = world;
  const { path } = markOf(65_535);
  const ca = await webhookRoot(client);
  const reviewer = createReviewer({
    port: ports.webhook,
    ca,
    servername: "heddle.heddle-system.svc",
    namespace: "ns-0",
  });
  await proxies.figures();
  const killed = Date.now();
  await operator.operator.process.stop("SIGKILL");
  await apply(client, policyOfMesh(path));
  let over = false;
  let usage: (() => Usage) | undefined;
  let reviews: Promise<readonly number[]> = Promise.resolve([]);
  const served = (async () => {
    const at = await proxies.acknowledged(path, proxies.count);
    return { at, ...(usage?.() ?? { cpu: Number.NaN, resident: Number.NaN, peak: Number.NaN }) };
  })();
  const started = Date.now();
  const starting = world.start((usageNow) => {
    usage = usageNow;
    reviews = reviewer.during(() => !over);
    // Told where it is awaited.
    reviews.catch(() => undefined);
  });
  const last = await served;
  const figures = await proxies.figures();
  tell("came back", figures);
  const again = await starting;
  over = true;
  const took = await reviews;
  reviewer.close();
  const what = "killed, and all come back";
  const rows = [
    row(`${what}: start to all compiled (serves proxies)`, again.serving.at / 1000, "s"),
    row(`${what}: from then until the last one has what changed`, (last.at - started - again.serving.at) / 1000, "s"),
    row(`${what}: from its end until then`, (last.at - killed) / 1000, "s"),
    row(`${what}: processor time from the start until then`, last.cpu / 1000, "s"),
    row(`${what}: connections begun while it did not listen, and after`, figures.tries, ""),
    row(`${what}: connections that it took too long for`, failuresOf(figures, "connect timeout"), ""),
    row(`${what}: start to all written`, again.written.at / 1000, "s"),
    row(`${what}: memory then`, again.usage().resident, "MB"),
    row(`${what}: memory at most`, again.usage().peak, "MB", bars.memory),
    row(`${what}: admission meanwhile, p99 of ${took.length}`, quantile(took, 0.99), "ms"),
    row(`${what}: admission meanwhile, at most`, Math.max(...took), "ms", bars.admission),
  ];
  await again.operator.process.stop("SIGTERM");
  return rows;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const failuresOf = ({ failures }: ProxyFigures, reason: string): number => new Map(failures).get(reason) ?? 0;

function tell(what: string, { took, failures, tries, responses, resources, bytes }: ProxyFigures): void {
  const megabytes = (bytes / 1024 / 1024).toFixed(1);
  console.log(`${what}: ${tries} tries, ${responses} responses of ${resources} resources, ${megabytes} MB`);
  const quantiles = [0.5, 0.9, 0.99, 1].map((share) => quantile(took, share).toFixed(0)).join(" / ");
  if (took.length > 0)
    console.log(`  each from its connection to everything: ${quantiles} ms (p50 / p90 / p99 / most)`);
  for (const [reason, count] of failures) console.log(`  ${count} ended: ${reason}`);
}

const apply = (client: KubeClient, object: KubernetesObject): Promise<unknown> =>
  client.apply(kinds[object.kind as KindName], written(object), { fieldManager: "bench" });

function withPath(policy: KubernetesObject, path: string): KubernetesObject {
  const { spec } = policy as unknown as { readonly spec: { readonly rules: readonly object[] } };
  const rules = spec.rules.map((rule) => ({ ...rule, to: [{ operation: { methods: ["GET"], paths: [`${path}*`] } }] }));
  return { ...policy, spec: { ...spec, rules } } as KubernetesObject;
}

const policyOfMesh = (path: string): KubernetesObject =>
  withPath(policyOf("heddle-system", "all", undefined, ["ns-0/app-1"]), path);

/** With one endpoint more, which is no pod. */
function withAddress(slice: KubernetesObject, address: string): KubernetesObject {
  const { endpoints } = slice as unknown as { readonly endpoints: readonly object[] };
  const conditions = { ready: true, serving: true, terminating: false };
  return { ...slice, endpoints: [...endpoints, { addresses: [address], conditions }] } as KubernetesObject;
}

async function webhookRoot(client: KubeClient): Promise<string> {
  const secret = await client.get(kinds.Secret, { namespace: "heddle-system", name: "heddle-webhook" });
  const { data } = secret as { readonly data?: Readonly<Record<string, string>> };
  return Buffer.from(data?.["ca.crt"] ?? "", "base64").toString();
}
