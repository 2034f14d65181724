/**
 * What the webhook knew about a pod before it changed it, and the compile needs: it stands in an environment variable of
 * the sidecar, since that part of a pod cannot be changed once the pod exists, as annotations can.
 */
import type { Container } from "../api/kubernetes.ts";
import type { ApplicationProbe } from "./probe.ts";
import { checkProbes } from "./probe.ts";
import { containers, isApplicationPort } from "./sidecar.ts";

/** The environment variable of the sidecar that holds the record, as JSON. Nothing in the container reads it. */
export const recordVariable = "HEDDLE_WORKLOAD";

/** The record. */
export interface InjectionRecord {
  /** Ports whose incoming connections are not redirected: the mesh's TLS would reach the application. Sorted. */
  readonly excludedPorts: readonly number[];
  /** Ports whose server speaks first. Sorted. */
  readonly serverFirstPorts: readonly number[];
  /** Handlers that the kubelet asks the sidecar for, in the order of the pod's containers. */
  readonly probes: readonly ApplicationProbe[];
}

const emptyRecord: InjectionRecord = { excludedPorts: [], serverFirstPorts: [], probes: [] };

/** The record as text; what is empty is left out. */
export function encodeRecord(record: InjectionRecord): string {
  return JSON.stringify(Object.fromEntries(Object.entries(record).filter(([, list]) => list.length > 0)));
}

/** Whether it says nothing. */
export const isEmptyRecord = ({ excludedPorts, serverFirstPorts, probes }: InjectionRecord): boolean =>
  excludedPorts.length === 0 && serverFirstPorts.length === 0 && probes.length === 0;

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
  const probes = checkProbes("probes" in value ? value.probes : []);
  const serverFirstPorts = "serverFirstPorts" in value ? value.serverFirstPorts : [];
  if (!Array.isArray(excludedPorts) || !excludedPorts.every(isApplicationPort)) return emptyRecord;
  if (!Array.isArray(serverFirstPorts) || !serverFirstPorts.every(isApplicationPort)) return emptyRecord;
  return probes === undefined ? emptyRecord : { excludedPorts, serverFirstPorts, probes };
}
