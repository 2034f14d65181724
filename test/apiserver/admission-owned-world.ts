/** A cluster with the policies, real controllers, the operator's objects and people with rights of every kind. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/client.ts";
import { keys } from "../../src/model/sidecar.ts";
import { binary } from "../../tools/binaries.ts";
import type { ControlPlane } from "../../tools/control-plane.ts";
import { kubectlOf } from "../../tools/kubectl.ts";
import { until } from "../../tools/processes.ts";
import { startApiServer } from "../support/api-server.ts";
import { installCertManagerDefinitions } from "../support/cert-manager.ts";
import { certificate, configMap, ours, secret } from "./admission-owned-objects.ts";
import { createPolicies } from "./policy-support.ts";
import { createTries, type Tries } from "./tries.ts";

export const operator = "system:serviceaccount:heddle-system:heddle";
export const certManager = "system:serviceaccount:cert-manager:cert-manager";
export const collector = "system:serviceaccount:kube-system:generic-garbage-collector";
export const namespaceController = "system:serviceaccount:kube-system:namespace-controller";
/** Users of nobody else's making, by what they hold. */
export const users = {
  /** ClusterRole edit, admin and cluster-admin, each in namespace shop. */
  editor: "jane",
  owner: "olivia",
  chiefOfShop: "sam",
  /** May write ConfigMaps, Secrets and Certificates everywhere. */
  clerk: "clara",
  /** The same, and may manage outputs.heddle.dev; everywhere, and in shop. */
  warden: "walter",
  wardenOfShop: "wendy",
  /** ClusterRole cluster-admin. */
  chief: "carol",
};

/** What the API server says to whom the policy `heddle-owned` refuses. */
export const refused = /heddle-owned.*is for the operator of Heddle alone to write/;

/** What cases work with. */
export interface OwnedWorld {
  readonly server: ControlPlane;
  readonly client: KubeClient;
  readonly tries: Tries;
  /** Runs kubectl as somebody, or with all rights; "taken", or what it says. */
  kubectl(user: string | undefined, args: readonly string[], input?: object): Promise<string>;
  /** The same with all rights; fails unless it is taken. */
  admin(args: readonly string[], input?: object): Promise<void>;
  /** Binds a ClusterRole, in the whole cluster or in a namespace (`-n`, its name). */
  bind(name: string, role: string, user: string, ...namespace: readonly string[]): Promise<void>;
  /** For files; goes with the world. */
  readonly directory: string;
  /** Who asked for deletions of ConfigMaps in a namespace, and was allowed. */
  deleters(namespace: string): ReadonlySet<string>;
  stop(): Promise<void>;
}

const auditOfDeletions = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, verbs: [delete, deletecollection], resources: [{group: "", resources: [configmaps, secrets]}]}
- {level: None}
`;

/** Starts it, which takes half a minute. */
export async function startOwnedWorld(): Promise<OwnedWorld> {
  const directory = mkdtempSync(join(tmpdir(), "heddle-test-owned-"));
  await binary("cert-manager-controller");
  const policy = join(directory, "audit.yaml");
  writeFileSync(policy, auditOfDeletions);
  const server = await startApiServer({
    controllers: true,
    // As a cluster has it: each controller is a ServiceAccount of its own.
    controllerManagerFlags: ["--use-service-account-credentials=true"],
    apiServerFlags: [`--audit-policy-file=${policy}`, `--audit-log-path=${join(directory, "audit.jsonl")}`],
  });
  const client = createKubeClient({ kubeconfig: server.kubeconfig });
  const tries = createTries(server);
  const kubectl: OwnedWorld["kubectl"] = async (user, args, input) => {
    const flags = [...(user === undefined ? [] : [`--as=${user}`]), ...args];
    const text = input === undefined ? undefined : JSON.stringify(input);
    const { status, stderr } = await kubectlOf(server.kubeconfig)(flags, text);
    return status === 0 ? "taken" : stderr.trim();
  };
  const admin: OwnedWorld["admin"] = async (args, input) => {
    const said = await kubectl(undefined, args, input);
    if (said !== "taken") throw new Error(said);
  };
  const bind: OwnedWorld["bind"] = (name, role, user, ...namespace) => {
    const kind = namespace.length > 0 ? "rolebinding" : "clusterrolebinding";
    return admin(["create", kind, name, `--clusterrole=${role}`, `--user=${user}`, ...namespace]);
  };
  for (const name of ["heddle-system", "cert-manager", "shop", "gone"])
    await client.create(kinds.Namespace, { metadata: { name, labels: { [keys.inject]: "enabled" } } });
  await installCertManagerDefinitions(client);
  await createPolicies(client);

  const writes = ["--verb=*", "--resource=configmaps,secrets,certificates.cert-manager.io"];
  await admin(["create", "clusterrole", "writer", ...writes]);
  await admin(["create", "-f", "-"], {
    ...{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: "warden" } },
    rules: [{ apiGroups: ["heddle.dev"], resources: ["outputs"], verbs: ["manage"] }],
  });
  const shop = ["-n", "shop"];
  await bind("editor", "edit", users.editor, ...shop);
  await bind("owner", "admin", users.owner, ...shop);
  await bind("chief", "cluster-admin", users.chiefOfShop, ...shop);
  await bind("chief", "cluster-admin", users.chief);
  await bind("warden", "warden", users.warden);
  await bind("warden", "warden", users.wardenOfShop, ...shop);
  const writers = [operator, certManager, collector, namespaceController, "system:kube-controller-manager"];
  const others = ["system:serviceaccount:shop:heddle", "system:serviceaccount:heddle-system:default"];
  const people = [users.clerk, users.warden, users.wardenOfShop, users.owner];
  for (const [index, user] of [...writers, ...others, ...people].entries())
    await bind(`writer-${index}`, "writer", user);

  // `edit` is made of other roles by a controller.
  const mayEdit = () => tries.create(users.editor, configMap("any")).then((said) => said === "taken");
  await until("the role of editors", mayEdit, { timeout: 60_000 });

  // What the policies keep is what the operator makes.
  const create = (object: object) => kubectl(operator, ["create", "-f", "-"], object);
  const isKept = () => tries.create(users.clerk, configMap("any", ours)).then((said) => refused.test(said));
  await until("the policies to be kept", isKept, { timeout: 60_000 });
  const made = [
    configMap("heddle-cart-0123456789", ours),
    secret("heddle-identity-cart", ours),
    secret("heddle-ca", ours, "heddle-system"),
    certificate("heddle-identity-cart", ours),
  ];
  for (const object of made) expect(await create(object)).toBe("taken");
  return {
    server,
    client,
    tries,
    kubectl,
    admin,
    bind,
    directory,
    deleters: (namespace) => {
      const lines = readFileSync(join(directory, "audit.jsonl"), "utf8").split("\n").slice(0, -1);
      const entries = lines.map((line) => JSON.parse(line));
      return new Set(
        entries
          .filter(({ objectRef, responseStatus }) => objectRef.namespace === namespace && responseStatus.code < 300)
          .map(({ user }) => user.username),
      );
    },
    stop: async () => {
      client.close();
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
