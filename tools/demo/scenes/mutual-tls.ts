/** MeshTLS. */
import type { ClusterAccess } from "../../cluster.ts";
import type { Mesh } from "../mesh.ts";
import type { Report } from "../report.ts";
import { answers, checkout, milliseconds, only, total } from "./words.ts";

/** Mutual TLS from Permissive to Strict. */
export async function mutualTLS(mesh: Mesh<ClusterAccess>, report: Report): Promise<void> {
  report.scene("mutual TLS goes from Permissive to Strict under load");
  report.did("kubectl apply -f examples/tls-permissive.yaml");
  await mesh.applyAndWait("examples/tls-permissive.yaml");
  const permissive = await mesh.call("outside", "visitor", checkout, { count: 20 });
  report.check("Permissive: a plaintext caller is let in", answers(permissive), only(permissive, 200));
  const load = await mesh.load("shop", "frontend", checkout, { rate: 200 });
  const fresh = await mesh.load("shop", "frontend", checkout, { rate: 50, fresh: true });
  report.did("kubectl apply -f examples/tls-strict.yaml");
  const took = await mesh.applyAndWait("examples/tls-strict.yaml");
  report.note(`Programmed=True ${milliseconds(took.fromApplied)} after kubectl had applied it`);
  const strict = await mesh.call("outside", "visitor", checkout, { count: 20, fresh: true });
  report.check(
    "Strict: a plaintext caller gets no answer",
    answers(strict),
    total(strict) === 0 && strict.failures === 20,
  );
  const [seen, seenFresh] = await Promise.all([load.finish(), fresh.finish()]);
  report.check(
    "mesh callers lose no request over the change",
    `${answers(seen)}; on fresh connections ${answers(seenFresh)}`,
    only(seen, 200) && only(seenFresh, 200),
  );
  report.check(
    "the peer identities that the server saw",
    Object.keys(seen.peers).join(", "),
    Object.keys(seen.peers).join() === "spiffe://cluster.local/ns/shop/sa/frontend",
  );
}
