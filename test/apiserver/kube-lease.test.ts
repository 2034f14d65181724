import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import { createKubeClient } from "../../src/kube/client.ts";
import { createLeaderElection, type LeaderElection, type LeaderElectionOptions } from "../../src/kube/lease.ts";
import { apiServer } from "../support/api-server.ts";
import { clientWith, createWire, viaPort } from "./kube-support.ts";

const namespace = "kube-lease";
const client = createKubeClient({ kubeconfig: apiServer().kubeconfig });
const deadline = { timeout: 60_000, interval: 10 };

beforeAll(async () => {
  await client.apply(kinds.Namespace, { metadata: { name: namespace } });
});
afterAll(() => client.close());

/** A candidate with short times, which adds what happens to it to the log, and ends with the test. */
function candidate(
  name: string,
  identity: string,
  log: string[],
  more: Partial<LeaderElectionOptions> = {},
): LeaderElection {
  const election = createLeaderElection({
    client,
    lease: { name, namespace },
    identity,
    onStarted: () => void log.push(`${identity} started`),
    onStopped: () => void log.push(`${identity} stopped`),
    leaseDuration: 2_000,
    renewDeadline: 1_200,
    retryPeriod: 200,
    ...more,
  });
  election.start();
  onTestFinished(() => election.stop());
  return election;
}

test("of two candidates one leads, and hands over when it ends", async () => {
  const log: string[] = [];
  const long = { leaseDuration: 20_000, renewDeadline: 15_000 };
  const all = ["a", "b"].map((identity) => candidate("handover", identity, log, long));
  await expect.poll(() => log.length, deadline).toBe(1);
  const leader = all.find((each) => each.leading);
  const follower = all.find((each) => each !== leader);
  await expect.poll(() => follower?.leader, deadline).toBe(leader?.leader);
  const lease = await client.get(kinds.Lease, { name: "handover", namespace });
  expect(lease.spec).toMatchObject({ holderIdentity: leader?.leader, leaseDurationSeconds: 20 });
  expect(lease.spec?.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  const begun = performance.now();
  await leader?.stop();
  await expect.poll(() => follower?.leading, deadline).toBe(true);
  // A lease that was released need not run out, which would take 20 s.
  expect(performance.now() - begun).toBeLessThan(10_000);
  expect(log.map((entry) => entry.split(" ")[1])).toEqual(["started", "stopped", "started"]);
  const after = await client.get(kinds.Lease, { name: "handover", namespace });
  expect(after.spec?.leaseTransitions).toBe((lease.spec?.leaseTransitions ?? 0) + 2 - 1);
});

test("a leader that is cut off stops before another one starts", async () => {
  const wire = await createWire(Number(new URL(apiServer().url).port));
  const { client: spoiled, remove } = clientWith(apiServer().kubeconfig, viaPort(wire.port));
  onTestFinished(async () => {
    await wire.close();
    remove();
  });
  const log: string[] = [];
  const a = candidate("cut", "a", log, { client: spoiled });
  await expect.poll(() => a.leading, deadline).toBe(true);
  const b = candidate("cut", "b", log);
  await expect.poll(() => b.leader, deadline).toBe("a");
  let both = false;
  const watching = setInterval(() => {
    both ||= a.leading && b.leading;
  }, 1);
  onTestFinished(() => clearInterval(watching));
  wire.swallow();
  await expect.poll(() => b.leading, deadline).toBe(true);
  expect(both).toBe(false);
  expect(log).toEqual(["a started", "a stopped", "b started"]);
  wire.mend();
  await expect.poll(() => a.leader, deadline).toBe("b");
  expect(a.leading).toBe(false);
});

test("a lease that kubectl deletes stays with its leader", async () => {
  const log: string[] = [];
  const a = candidate("deleted", "a", log);
  await expect.poll(() => a.leading, deadline).toBe(true);
  await client.delete(kinds.Lease, { name: "deleted", namespace });
  const holder = () =>
    client.get(kinds.Lease, { name: "deleted", namespace }).then(
      ({ spec }) => spec?.holderIdentity,
      () => "none",
    );
  await expect.poll(holder, deadline).toBe("a");
  expect(log).toEqual(["a started"]);
});
