/** Certificates that live for seconds. */
import type { ClusterAccess } from "../../cluster.ts";
import { until } from "../../processes.ts";
import type { Mesh } from "../mesh.ts";
import type { Report } from "../report.ts";
import { type ShownCertificate, setOperator, shortLife, shownCertificate } from "../rotation.ts";
import { answers, only } from "./words.ts";

/** A leaf is replaced under load. The scene before has started the operator with {@link shortLife}. */
export async function rotation(mesh: Mesh<ClusterAccess>, report: Report): Promise<void> {
  report.scene("a certificate that lives for seconds is replaced under load");
  report.note(`the operator runs with ${shortLife}; MeshTLS takes 10m and more`);
  const cart = "http://cart.shop/cart";
  const load = await mesh.load("shop", "frontend", cart, { rate: 100 });
  const fresh = await mesh.load("shop", "frontend", cart, { rate: 20, fresh: true });
  const start = performance.now();
  // Those that live for seconds: before it had one of a day.
  const shown: ShownCertificate[] = [];
  const hasRotated = async () => {
    const certificate = await shownCertificate(mesh, "cart");
    if (certificate.seconds < 60 && certificate.serial !== shown.at(-1)?.serial) shown.push(certificate);
    return shown.length >= 2;
  };
  await until("a rotation of cart's certificate", hasRotated, { timeout: 60_000, interval: 250 });
  report.note(`replaced after ${((performance.now() - start) / 1000).toFixed(1)} s`);
  const [seen, seenFresh] = await Promise.all([load.finish(), fresh.finish()]);
  report.check(
    "cart's sidecar shows another certificate, by serial number",
    shown.map(({ serial, seconds }) => `${serial.slice(0, 16)} of ${seconds} s`).join(", then "),
    shown.length === 2,
  );
  report.check(
    "no request is lost over the change",
    `${answers(seen)}; on fresh connections ${answers(seenFresh)}`,
    only(seen, 200) && only(seenFresh, 200),
  );
  await setOperator(mesh, { replicas: 1, flags: [] });
}
