import { connect as connectTCP } from "node:net";
import { connect as connectTLS } from "node:tls";

const host = process.argv.at(-1);
let failed = false;

async function check(what, probe) {
  try {
    const problem = await probe();
    if (problem !== undefined) throw new Error(problem);
    console.log(`ok: ${what}`);
  } catch (error) {
    failed = true;
    console.log(`FAILED: ${what}: ${error.message}${error.cause ? ` (${error.cause.message})` : ""}`);
  }
}

const opened = (socket, event, finding) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no answer within 10 s")), 10_000);
    socket.once("error", reject);
    socket.once(event, () => resolve(finding?.()));
    socket.once("close", () => clearTimeout(timer));
  }).finally(() => socket.destroy());

await check(`http://${host}:8080/readyz`, async () => {
  const response = await fetch(`http://${host}:8080/readyz`, { signal: AbortSignal.timeout(10_000) });
  return response.ok ? undefined : `${response.status} ${await response.text()}`;
});
await check(`a certificate for ${host} at port 443`, () => {
  // The API server checks who signed it; here only what it names is looked at.
  const socket = connectTLS({ host, servername: host, port: 443, rejectUnauthorized: false });
  return opened(socket, "secureConnect", () => {
    const certificate = socket.getPeerX509Certificate();
    return certificate.checkHost(host) === undefined ? `it is for ${certificate.subjectAltName}` : undefined;
  });
});
await check(`a connection to port 15010`, () => opened(connectTCP({ host, port: 15010 }), "connect"));
process.exit(failed ? 1 : 0);
