import { beforeAll } from "vitest";
import { startMesh } from "../../tools/demo/install.ts";
import type { Mesh } from "../../tools/demo/mesh.ts";

/** All files of the data-plane project run one after another in one process and share one mesh, which ends with the run. */
let started: Promise<Mesh> | undefined;

async function start(): Promise<Mesh> {
  const mesh = await startMesh(() => {}, { appliesItself: true });
  await mesh.apply("examples/shop.yaml");
  await mesh.apply("test/dataplane/fixture.yaml");
  await mesh.waitDeployments("shop", 90);
  await mesh.waitDeployments("outside", 90);
  return mesh;
}

/** The mesh of the run, with the applications of examples/shop.yaml and fixture.yaml Ready. */
export function useMesh(): () => Mesh {
  let mesh: Mesh | undefined;
  beforeAll(async () => {
    started ??= start();
    mesh = await started;
  }, 180_000);
  return () => {
    if (mesh === undefined) throw new Error("the mesh is there within tests only");
    return mesh;
  };
}
