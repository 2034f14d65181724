/** A build of Heddle such as one minor version before might be: of the same sources, but for what is replaced here. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { version } from "../../src/ops/version.ts";
import { bundleOperator, type Replacement } from "../bundle.ts";

/** Its version, and the tag of its images. */
export const [olderVersion, olderTag] = ["0.0.0", "older"];

/** Is in the bootstrap that its sidecars start from, in YAML or as Envoy shows it; those of the present build have another number there. */
export const olderLimit = /max_active_downstream_connections"?: "?40000\b/;

/** All of it is in its version, and in every sidecar's bootstrap. */
const replacements: readonly Replacement[] = [
  { file: "src/ops/version.ts", from: version, to: olderVersion },
  { file: "src/envoy/bootstrap.ts", from: "maxConnections = 50_000", to: "maxConnections = 40_000" },
  {
    file: "src/envoy/bootstrap.ts",
    from: 'interval: "30s", timeout: "10s"',
    to: 'interval: "20s", timeout: "9s"',
  },
];

/** Calls `use` with a folder that has the older build as `heddle.mjs`, and removes it. */
export async function withOlderBuild(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "heddle-older-"));
  try {
    await bundleOperator(join(folder, "heddle.mjs"), replacements);
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
