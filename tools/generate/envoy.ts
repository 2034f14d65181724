import { spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";

/** Runs a program, its output being ours, and fails when it does. */
function run(command: string, args: readonly string[], folder: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: folder, stdio: "inherit" });
    child.on("error", (error) => reject(new Error(`cannot run ${command}: ${error.message}`)));
    child.on("exit", (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`${command} ${args.join(" ")} ended with ${signal ?? code}`)),
    );
  });
}

/** Makes `src/envoy/generated` anew: descriptors from the pinned Go module, then JavaScript and declarations by buf. */
export async function generateEnvoyTypes(root: string): Promise<void> {
  const folder = join(root, "tools/envoy-descriptors");
  const image = join(folder, "image.binpb");
  const bin = join(root, "node_modules/.bin");
  try {
    await run("go", ["run", ".", "image.binpb"], folder);
    await rm(join(root, "src/envoy/generated"), { recursive: true, force: true });
    await run("env", [`PATH=${bin}:${process.env["PATH"] ?? ""}`, join(bin, "buf"), "generate"], folder);
  } finally {
    await rm(image, { force: true });
  }
}
