/**
 * A Pod as admission sees it: before validation, perhaps before it has a name, and with the parts of its specification
 * that the contract of the compile leaves out. Everything that is not named here is carried through untouched.
 */
import type { Container, PodSpec } from "../api/kubernetes.ts";

/** v1 EnvVar. */
export interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly fieldRef?: { readonly fieldPath: string };
    readonly secretKeyRef?: { readonly name?: string };
  };
}

/** v1 VolumeMount. */
export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
}

/** v1 SecurityContext of a container; of a pod, only the user and the group are read. */
export interface SecurityContext {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly runAsNonRoot?: boolean;
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  readonly seccompProfile?: { readonly type: string };
}

/** v1 HTTPGetAction. */
export interface HttpGetAction {
  readonly path?: string;
  /** A number, or the name of a port of the same container. */
  readonly port: number | string;
  /** The pod's address unless it is set. */
  readonly host?: string;
  readonly scheme?: string;
  readonly httpHeaders?: readonly { readonly name: string; readonly value: string }[];
}

/** v1 LifecycleHandler, without what the kubelet keeps to itself. */
export interface LifecycleHandler {
  readonly httpGet?: HttpGetAction;
  readonly sleep?: { readonly seconds: number };
}

/** v1 Probe. Times are in seconds. */
export interface Probe {
  readonly httpGet?: HttpGetAction;
  readonly tcpSocket?: Pick<HttpGetAction, "port" | "host">;
  readonly grpc?: { readonly port: number; readonly service?: string };
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly failureThreshold?: number;
}

/** v1 ResourceRequirements. */
export interface ResourceRequirements {
  readonly requests?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
}

/** v1 Container. */
export interface AdmissionContainer extends Container {
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly EnvironmentVariable[];
  readonly envFrom?: readonly { readonly secretRef?: { readonly name?: string } }[];
  readonly volumeMounts?: readonly VolumeMount[];
  readonly securityContext?: SecurityContext;
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly lifecycle?: { readonly postStart?: LifecycleHandler; readonly preStop?: LifecycleHandler };
  readonly resources?: ResourceRequirements;
  /** Of an ephemeral container: whose processes it sees. */
  readonly targetContainerName?: string;
}

/** v1 Volume. */
export interface Volume {
  readonly name: string;
  readonly secret?: { readonly secretName?: string; readonly defaultMode?: number };
  readonly configMap?: { readonly name?: string; readonly defaultMode?: number };
  readonly projected?: { readonly sources?: readonly { readonly secret?: { readonly name?: string } }[] };
  readonly csi?: { readonly nodePublishSecretRef?: { readonly name?: string } };
}

/** v1 PodSpec. */
export interface AdmissionPodSpec extends PodSpec {
  readonly containers: readonly AdmissionContainer[];
  readonly initContainers?: readonly AdmissionContainer[];
  readonly ephemeralContainers?: readonly AdmissionContainer[];
  readonly volumes?: readonly Volume[];
  readonly securityContext?: SecurityContext;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly os?: { readonly name?: string };
  readonly shareProcessNamespace?: boolean;
  readonly hostPID?: boolean;
  /** Seconds; 30 unless it is set. */
  readonly terminationGracePeriodSeconds?: number;
}

/** v1 Pod in an admission review. */
export interface AdmissionPod {
  readonly metadata: {
    /** Absent while `generateName` stands for it. */
    readonly name?: string;
    readonly generateName?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: AdmissionPodSpec;
}

/** What a value must look like; absent and null are always allowed but for `required` fields. */
type Shape =
  | "string"
  | "number"
  | "boolean"
  | "number or string"
  | { readonly list: Shape }
  | { readonly values: Shape }
  | { readonly fields: Readonly<Record<string, Shape>>; readonly required?: readonly string[] };

const name: Shape = { fields: { name: "string" } };

const httpGet: Shape = {
  required: ["port"],
  fields: {
    path: "string",
    port: "number or string",
    host: "string",
    scheme: "string",
    httpHeaders: { list: { fields: { name: "string", value: "string" } } },
  },
};

const handler: Shape = { fields: { httpGet } };

const probe: Shape = {
  fields: {
    httpGet,
    tcpSocket: { required: ["port"], fields: { port: "number or string", host: "string" } },
    grpc: { required: ["port"], fields: { port: "number", service: "string" } },
    periodSeconds: "number",
    timeoutSeconds: "number",
  },
};

const securityContext: Shape = {
  fields: {
    runAsUser: "number",
    runAsGroup: "number",
    privileged: "boolean",
    capabilities: { fields: { add: { list: "string" }, drop: { list: "string" } } },
  },
};

const container: Shape = {
  required: ["name"],
  fields: {
    name: "string",
    restartPolicy: "string",
    targetContainerName: "string",
    ports: {
      list: { required: ["containerPort"], fields: { name: "string", containerPort: "number", protocol: "string" } },
    },
    env: {
      list: {
        required: ["name"],
        fields: { name: "string", value: "string", valueFrom: { fields: { secretKeyRef: name } } },
      },
    },
    envFrom: { list: { fields: { secretRef: name } } },
    volumeMounts: { list: { required: ["name"], fields: { name: "string", mountPath: "string" } } },
    securityContext,
    startupProbe: probe,
    livenessProbe: probe,
    readinessProbe: probe,
    lifecycle: { fields: { postStart: handler, preStop: handler } },
  },
};

const volume: Shape = {
  required: ["name"],
  fields: {
    name: "string",
    secret: { fields: { secretName: "string" } },
    configMap: name,
    projected: { fields: { sources: { list: { fields: { secret: name } } } } },
    csi: { fields: { nodePublishSecretRef: name } },
  },
};

const pod: Shape = {
  required: ["metadata", "spec"],
  fields: {
    metadata: {
      fields: {
        name: "string",
        generateName: "string",
        labels: { values: "string" },
        annotations: { values: "string" },
      },
    },
    spec: {
      fields: {
        serviceAccountName: "string",
        hostNetwork: "boolean",
        shareProcessNamespace: "boolean",
        hostPID: "boolean",
        terminationGracePeriodSeconds: "number",
        nodeSelector: { values: "string" },
        os: name,
        securityContext,
        containers: { list: container },
        initContainers: { list: container },
        ephemeralContainers: { list: container },
        volumes: { list: volume },
      },
    },
  },
};

/** A value that is not a Pod. The message names the field. */
export class PodShapeError extends Error {
  override readonly name = "PodShapeError";
}

/**
 * The value as a Pod, once every field that is read later has its type. Nothing is copied or changed, but that a list of
 * containers which is null (as the API server sends an empty one) becomes empty.
 * @throws PodShapeError
 */
export function parsePod(value: unknown): AdmissionPod {
  check(value, pod, "object", true);
  const parsed = value as AdmissionPod;
  return (parsed.spec.containers as unknown) == null ? { ...parsed, spec: { ...parsed.spec, containers: [] } } : parsed;
}

// Recursion follows the shape, never the value, so its depth does not depend on what was sent.
function check(value: unknown, shape: Shape, path: string, required: boolean): void {
  if (value === undefined || value === null) {
    if (required) throw new PodShapeError(`${path} is missing`);
    return;
  }
  if (typeof shape === "string") {
    if (!shape.split(" or ").includes(typeof value)) throw new PodShapeError(`${path} must be a ${shape}`);
    return;
  }
  if ("list" in shape) {
    if (!Array.isArray(value)) throw new PodShapeError(`${path} must be a list`);
    for (const [index, element] of value.entries()) check(element, shape.list, `${path}[${index}]`, true);
    return;
  }
  if (typeof value !== "object" || Array.isArray(value)) throw new PodShapeError(`${path} must be an object`);
  if ("values" in shape) {
    for (const [key, element] of Object.entries(value))
      check(element, shape.values, `${path}[${JSON.stringify(key)}]`, true);
    return;
  }
  const entries = value as Readonly<Record<string, unknown>>;
  for (const [field, expected] of Object.entries(shape.fields)) {
    check(
      Object.hasOwn(entries, field) ? entries[field] : undefined,
      expected,
      `${path}.${field}`,
      shape.required?.includes(field) ?? false,
    );
  }
}
