/** What holds of every status, whatever the object and whatever the proxies. */
import { conditionTypes, findingCodes, reasons } from "../../src/api/conditions.ts";
import type { ObjectStatus } from "../../src/reconcilers/programmed.ts";

/** What is wrong with a status, in words; empty if nothing is. */
export function brokenInvariants(status: ObjectStatus, generation: number): readonly string[] {
  const broken: string[] = [];
  const demand = (holds: boolean, sentence: string) => {
    if (!holds) broken.push(sentence);
  };
  const types = status.conditions.map(({ type }) => type);
  const of = (type: string) => status.conditions.find((condition) => condition.type === type);
  const parts = ["Accepted", "ResolvedRefs", "Programmed"].map(of);
  const ready = of("Ready");

  demand(new Set(types).size === types.length, "no type of condition is there twice");
  const inOrder = conditionTypes.filter((type) => types.includes(type));
  demand(JSON.stringify(inOrder) === JSON.stringify(types), "conditions are in the documented order");
  for (const type of conditionTypes.slice(0, 4)) demand(of(type) !== undefined, `${type} is there`);
  demand(
    (ready?.status === "True") === parts.every((part) => part?.status === "True"),
    "Ready is True if and only if Accepted, ResolvedRefs and Programmed are",
  );
  demand(
    ready?.status !== "False" || parts.some((part) => part?.status === "False" && part.reason === ready.reason),
    "Ready is False for the reason of a condition that is False",
  );
  demand(
    ready?.status !== "Unknown" || parts.every((part) => part?.status !== "False"),
    "Ready is Unknown only when nothing is certainly False",
  );
  for (const type of ["Reconciling", "Stalled"]) {
    demand(of(type) === undefined || of(type)?.status === "True", `${type} is there only while it is True`);
    demand(of(type) === undefined || ready?.status !== "True", `${type} and Ready exclude each other`);
  }
  demand(of("Reconciling") === undefined || of("Stalled") === undefined, "Reconciling and Stalled exclude each other");
  demand(
    (of("Stalled") !== undefined) === (of("Accepted")?.status === "False" || of("Programmed")?.reason === "Rejected"),
    "Stalled is there exactly when a user must edit something",
  );
  for (const { type, reason, message, observedGeneration } of status.conditions) {
    demand(Object.hasOwn(reasons, reason), `the reason ${reason} of ${type} is documented`);
    demand(message !== "" && message.length <= 32_768, `${type} has a message that fits`);
    demand(observedGeneration === generation, `${type} speaks of generation ${generation}`);
  }
  demand(status.observedGeneration === generation, `the status speaks of generation ${generation}`);

  const { total, synced, rejected, disconnected, summary } = status.proxies;
  demand(synced + rejected + disconnected <= total, "no proxy is counted twice");
  demand(summary === `${synced}/${total}`, "the summary is synced/total");
  demand(of("Programmed")?.status !== "True" || synced === total, "Programmed is True only if every proxy is synced");
  demand(of("Programmed")?.reason !== "NoProxies" || total === 0, "NoProxies means none");

  for (const { code, field, message } of status.findings ?? []) {
    demand(Object.hasOwn(findingCodes, code), `the finding ${code} is documented`);
    demand(field !== "" && message !== "", `the finding ${code} names a field and says what is wrong`);
  }
  demand((status.findings ?? []).length <= 16, "there are at most 16 findings");
  return broken;
}
