/** A TCP service: weights by connection, and callers that a policy keeps out. */
import type { Cluster } from "../../cluster.ts";
import type { Mesh } from "../mesh.ts";
import type { Report } from "../report.ts";
import { answers, milliseconds } from "./words.ts";

const echo = "tcp://echo.shop:9000";

/** Weights on TCP, then one caller is allowed and another is denied. */
export async function tcp(mesh: Mesh<Cluster>, report: Report): Promise<void> {
  report.scene("a TCP service: weights, and a denied caller who reads nothing");
  report.did("kubectl apply -f examples/tcp.yaml");
  await mesh.apply("examples/tcp.yaml");
  await mesh.waitDeployments("shop");
  report.did("kubectl apply -f examples/split-tcp.yaml");
  await mesh.applyAndWait("examples/split-tcp.yaml");
  const divided = await mesh.call("shop", "frontend", echo, { count: 400 });
  const percent = (100 * (divided.servers["echo-v2"] ?? 0)) / divided.requests;
  report.check(
    "75/25 by connection",
    `${percent.toFixed(1)} % of ${divided.requests} connections went to echo-v2: ${answers(divided)}`,
    divided.failures === 0 && percent > 15 && percent < 35,
  );
  report.did("kubectl apply -f examples/tcp-allow-frontend.yaml");
  const took = await mesh.applyAndWait("examples/tcp-allow-frontend.yaml");
  report.note(`Programmed=True ${milliseconds(took.fromApplied)} after kubectl had applied it, drain time included`);
  const pods = await Promise.all(["echo-v1", "echo-v2"].map((name) => mesh.podOf("shop", name)));
  const connections = (): number =>
    pods.map((pod) => mesh.cluster.logs("shop", pod, "app").split("connected\n").length - 1).reduce((a, b) => a + b);
  const before = connections();
  const denied = await mesh.call("shop", "cart", echo, { count: 20 });
  report.check(
    "a denied caller reads 0 bytes, and the application sees 0 connections",
    `${denied.failures} of ${denied.requests} closed without an answer, ${connections() - before} connections`,
    denied.failures === 20 && connections() === before,
  );
  const allowed = await mesh.call("shop", "frontend", echo, { count: 20 });
  report.check(
    "an allowed caller is answered",
    `${allowed.requests - allowed.failures} of ${allowed.requests}, ${connections() - before} connections`,
    allowed.failures === 0 && connections() - before === 20,
  );
  await mesh.remove("authorizationpolicies.heddle.dev", "shop", "echo-allow-frontend");
}
