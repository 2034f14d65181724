// Generated from crds/meshtls.yaml by tools/generate.ts. Do not edit.
import type {ObjectMeta} from "../kubernetes.ts";

/**
 * Says whether callers of workloads must speak mutual TLS. For each workload the narrowest object counts: one whose selector fits it, else one of its namespace without a selector, else one of the root namespace without a selector. Of two equally narrow ones the oldest counts, then the first by name. Where there is none, the mode is Permissive.
 */
export interface MeshTLS {
  /**
   * The version of this schema, heddle.dev/v1alpha1.
   */
  readonly apiVersion: "heddle.dev/v1alpha1";
  /**
   * MeshTLS.
   */
  readonly kind: "MeshTLS";
  /**
   * The object's metadata.
   */
  readonly metadata: ObjectMeta;
  readonly spec: MeshTLSSpec;
  readonly status?: MeshTLSStatus;
}
/**
 * What the user wants. Heddle never changes it.
 */
export interface MeshTLSSpec {
  readonly selector?: MeshTLSSelector;
  /**
   * The mode of all ports that are not listed in ports. Strict: only mutual TLS of the mesh is accepted. Permissive: plaintext is accepted too, and the application's own TLS passes through. Disabled: the same is accepted, and mesh callers speak plaintext, so that they have no identity. Absent: inherited from the next wider object.
   */
  readonly mode?: "Strict" | "Permissive" | "Disabled";
  /**
   * Modes of single container ports. They are not inherited: only those of the narrowest object count.
   */
  readonly ports?: readonly MeshTLSPort[];
  readonly tlsVersion?: MeshTLSVersion;
  /**
   * The cipher suites of TLS 1.2 that the sidecars of the selected workloads accept: those of ECDHE-ECDSA that encrypt and authenticate in one step, which are all that mesh callers offer. The suites of TLS 1.3 cannot be chosen. Absent: inherited, the whole list, from the next wider object that has it. Where none has it, all of them.
   */
  readonly tlsCiphers?: readonly ("ECDHE-ECDSA-AES128-GCM-SHA256" | "ECDHE-ECDSA-AES256-GCM-SHA384" | "ECDHE-ECDSA-CHACHA20-POLY1305")[];
  readonly identity?: MeshTLSIdentity;
}
/**
 * Which pods of the namespace. Absent: all of them; in the root namespace, all of the mesh. In the root namespace a selector means pods with those labels in every namespace.
 */
export interface MeshTLSSelector {
  /**
   * Labels that a pod must have; all of them.
   */
  readonly matchLabels: {
    /**
     * The value of the label.
     */
    readonly [k: string]: string;
  };
}
/**
 * One container port and its mode.
 */
export interface MeshTLSPort {
  /**
   * The container port, by number or by name.
   */
  readonly port: number | string;
  /**
   * The mode of this port; the same words as for the mode of all ports.
   */
  readonly mode: "Strict" | "Permissive" | "Disabled";
}
/**
 * Which versions of TLS the sidecars of the selected workloads negotiate with their callers. Absent: inherited, both bounds together, from the next wider object that has it. Where none has it, TLS 1.2 and 1.3. Sidecars offer both versions as clients, so that mesh callers get through in any case.
 */
export interface MeshTLSVersion {
  /**
   * The oldest version that is accepted. Absent: TLS12.
   */
  readonly min?: "TLS12" | "TLS13";
  /**
   * The newest version that is accepted. Absent: TLS13.
   */
  readonly max?: "TLS12" | "TLS13";
}
/**
 * Where identities come from, for the whole mesh: only in the object `default` of the root namespace. What it leaves out is as the operator's settings say.
 */
export interface MeshTLSIdentity {
  /**
   * The SPIFFE trust domain: identities are spiffe://<trustDomain>/ns/<namespace>/sa/<serviceaccount>. Fixed once the authority exists, and recorded with it.
   */
  readonly trustDomain?: string;
  /**
   * Who issues. BuiltIn: the operator's own authority, whose key is in its Secret heddle-ca. CertManager: cert-manager, by a Certificate for each ServiceAccount. Absent: BuiltIn. Fixed once the authority exists, and recorded with it.
   */
  readonly provider?: "BuiltIn" | "CertManager";
  readonly certManager?: MeshTLSCertManager;
  /**
   * The life of a workload's certificate, such as 24h or 1h30m: 10m to 720h, and at least 1h with the provider CertManager. It is replaced after two thirds of that.
   */
  readonly certificateTTL?: string;
}
/**
 * How cert-manager issues.
 */
export interface MeshTLSCertManager {
  readonly issuerRef: MeshTLSIssuerReference;
}
/**
 * The issuer of every certificate of the mesh. It must give its root (`ca.crt`), the same one in every namespace. Fixed as the provider is.
 */
export interface MeshTLSIssuerReference {
  /**
   * Its name.
   */
  readonly name: string;
  /**
   * Its kind, such as ClusterIssuer. An Issuer is one of the workload's namespace, so that each namespace of the mesh needs one of that name.
   */
  readonly kind: string;
  /**
   * Its group. Absent: cert-manager.io.
   */
  readonly group?: string;
}
/**
 * What Heddle says of the object. Written by the operator only.
 */
export interface MeshTLSStatus {
  /**
   * The generation of the object that this status speaks of; -1 until the operator has seen it.
   */
  readonly observedGeneration?: number;
  /**
   * The state of the object: Accepted, ResolvedRefs, Programmed and Ready, and Reconciling or Stalled while one of these holds.
   */
  readonly conditions?: readonly StatusCondition[];
  readonly proxies?: ProxyCounts;
  /**
   * What the object says in short, such as `Strict, http Permissive`.
   */
  readonly summary?: string;
  /**
   * What a user should know and what does not make the object unhealthy.
   */
  readonly findings?: readonly StatusFinding[];
}
/**
 * One condition of the object.
 */
export interface StatusCondition {
  /**
   * The name of the condition.
   */
  readonly type: string;
  /**
   * Whether the condition holds; Unknown when that cannot be known.
   */
  readonly status: "True" | "False" | "Unknown";
  /**
   * Why, as one of the documented constants.
   */
  readonly reason: string;
  /**
   * Why, for people.
   */
  readonly message: string;
  /**
   * The generation of the object that this condition speaks of.
   */
  readonly observedGeneration: number;
  /**
   * When the status of the condition last changed.
   */
  readonly lastTransitionTime: string;
}
/**
 * How many of the Ready proxies that the object concerns are live with this generation.
 */
export interface ProxyCounts {
  /**
   * Ready proxies that the object concerns.
   */
  readonly total: number;
  /**
   * Those that acknowledged this generation.
   */
  readonly synced: number;
  /**
   * Those that refused it and keep what they had.
   */
  readonly rejected: number;
  /**
   * Those that have no stream to the operator, so that what they have is not known.
   */
  readonly disconnected: number;
  /**
   * Synced of total, such as 12/12.
   */
  readonly summary: string;
}
/**
 * One finding.
 */
export interface StatusFinding {
  /**
   * The kind of finding, as one of the documented constants.
   */
  readonly code: string;
  /**
   * The path of the field at fault, such as spec.backends[1].service.
   */
  readonly field: string;
  /**
   * What was found and what to do, for people.
   */
  readonly message: string;
}
