/** What the local node is given. */
import type { V1PodSpec } from "@kubernetes/client-node";
import type { KubernetesObject } from "../../src/api/kubernetes.ts";
import type { Family } from "./network.ts";

/** A pod as the API server sends it: times are strings. */
export interface NodePod extends KubernetesObject {
  readonly metadata: KubernetesObject["metadata"] & { readonly deletionGracePeriodSeconds?: number };
  readonly spec: V1PodSpec;
}

/** What stands for a container image: programs and folders of this machine, and how to start them. */
export interface Image {
  /** Put in front of `args` unless the container has a `command`. */
  readonly entrypoint?: readonly string[];
  /** Files and folders of this machine, read-only, below the container's root (in `/usr` only below `/usr/local`). */
  readonly mounts?: readonly { readonly source: string; readonly target: string }[];
}

/** How to start a node. */
export interface NodeOptions {
  readonly kubeconfig: string;
  /** Families of the cluster; pods that ask for none have an address of the first. */
  readonly families: readonly Family[];
  /** Ranges of cluster IPs, one of each family. */
  readonly serviceCIDRs: readonly string[];
  /** What each image name stands for; a pod with any other waits. */
  readonly images: ReadonlyMap<string, Image>;
  /** Where the logs of containers go; it exists. */
  readonly logDirectory: string;
  /** Told of what fails and is tried again or given up. */
  onError(error: unknown): void;
}
