/** What the local node is given. */
import type { V1Pod, V1PodSpec } from "@kubernetes/client-node";
import type { KubernetesObject } from "../../src/api/kubernetes.ts";

/** A pod as the API server sends it: times are strings. */
export interface NodePod extends KubernetesObject {
  readonly metadata: KubernetesObject["metadata"] & { readonly deletionGracePeriodSeconds?: number };
  readonly spec: V1PodSpec;
  readonly status?: Pick<NonNullable<V1Pod["status"]>, "phase">;
}

/** What stands for a container image: programs and folders of this machine, and how to start them. */
export interface Image {
  /** Put in front of `args` unless the container has a `command`. */
  readonly entrypoint?: readonly string[];
  /** Used when the container has neither `command` nor `args`. */
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Files and folders of this machine, read-only, below the container's root (in `/usr` only below `/usr/local`). */
  readonly mounts?: readonly { readonly source: string; readonly target: string }[];
}
