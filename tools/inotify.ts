/**
 * Each sidecar takes four inotify instances of user 1337 (Envoy watches the files of its identity), and Linux gives a user
 * 128 on the whole machine: enough for 32 sidecars. One that gets none aborts when it starts.
 */
import { readFileSync, writeFileSync } from "node:fs";

const setting = "/proc/sys/fs/inotify/max_user_instances";
/** Two meshes of the tests and a kind cluster at once take less than half of it. */
const wanted = 1024;

/** Raises the machine's limit where it is lower, which stays until it is started anew. @returns whether it is enough now */
export function raiseInotifyInstances(): boolean {
  const limit = (): number => Number(readFileSync(setting, "utf8"));
  const before = limit();
  if (before >= wanted) return true;
  try {
    writeFileSync(setting, String(wanted));
  } catch {
    // Not everyone who runs the tests may: then what needs more comes one after another.
  }
  if (limit() < wanted) return false;
  console.error(
    `fs.inotify.max_user_instances: ${before} is enough for ${Math.floor(before / 4)} sidecars; it is ${wanted} now`,
  );
  return true;
}
