/**
 * What the webhook knew about a pod before it changed it, and the compile needs: it stands in an environment variable of
 * the sidecar, since that part of a pod cannot be changed once the pod exists, as annotations can.
 */
import type { Container } from "../api/kubernetes.ts";
import { containers, ports as sidecarPorts } from "./sidecar.ts";

/** The environment variable of the sidecar that holds the record, as JSON. Nothing in the container reads it. */
export const recordVariable = "HEDDLE_WORKLOAD";

/** The record. */
export interface InjectionRecord {
  /** Ports whose incoming connections are not redirected: the mesh's TLS would reach the application. Sorted. */
  readonly excludedPorts: readonly number[];
}

const emptyRecord: InjectionRecord = { excludedPorts: [] };

/** The record as text; what is empty is left out. */
export function encodeRecord({ excludedPorts }: InjectionRecord): string {
  return JSON.stringify({ ...(excludedPorts.length === 0 ? {} : { excludedPorts }) });
}

/** Whether it says nothing. */
export const isEmptyRecord = ({ excludedPorts }: InjectionRecord): boolean => excludedPorts.length === 0;

/**
 * The record in a pod's init containers. One that the webhook did not write, or that was tampered with, counts as empty as
 * a whole: it is as if the pod had asked for nothing.
 */
export function readRecord(initContainers: readonly Container[] | undefined): InjectionRecord {
  const proxy = initContainers?.find(({ name }) => name === containers.proxy);
  const text = proxy?.env?.find(({ name }) => name === recordVariable)?.value;
  if (text === undefined) return emptyRecord;
  try {
    return checkRecord(JSON.parse(text));
  } catch {
    return emptyRecord;
  }
}

function checkRecord(value: unknown): InjectionRecord {
  if (typeof value !== "object" || value === null) return emptyRecord;
  const excludedPorts = "excludedPorts" in value ? value.excludedPorts : [];
  if (!Array.isArray(excludedPorts) || !excludedPorts.every(isApplicationPort)) return emptyRecord;
  return { excludedPorts };
}

const ownPorts: ReadonlySet<number> = new Set([
  sidecarPorts.outbound,
  sidecarPorts.inbound,
  sidecarPorts.status,
  sidecarPorts.admin,
]);

/** Whether it is a TCP port that can be the application's. */
export function isApplicationPort(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535 && !ownPorts.has(Number(value));
}
