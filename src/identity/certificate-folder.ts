/**
 * A serving certificate that somebody else keeps: a folder as a kubelet mounts a Secret, with `tls.crt` (the chain),
 * `tls.key` and `ca.crt` (what who calls trusts). It is looked at time and again, since the kubelet replaces it.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Timer } from "../ops/clock.ts";
import type { KeyPair } from "./authority.ts";
import { belongsTogether, chainsTo, readCertificate } from "./certificate.ts";

/** Milliseconds between two looks. A kubelet takes a minute or so to bring a change. */
const interval = 10_000;

/** A certificate with the roots that it leads to, all PEM. */
export interface FolderCertificate extends KeyPair {
  readonly root: string;
}

/** Looks at one folder. */
export interface CertificateFolder {
  /** When the certificate in use expires, in milliseconds since the epoch; undefined while there is none. */
  readonly expiration: number | undefined;
  start(): void;
  stop(): void;
}

/**
 * Tells of the certificate in a folder, and of each other one that comes in its place. One that cannot be used is not
 * told of: the one before stays in use.
 */
export function createCertificateFolder(options: {
  readonly directory: string;
  /** The DNS name that it must have. */
  readonly name: string;
  readonly clock: Clock;
  readonly onCertificate: (certificate: FolderCertificate) => void;
  /** What is wrong and what to do, for people; once until it is something else. */
  readonly onProblem: (problem: string) => void;
}): CertificateFolder {
  let timer: Timer | undefined;
  let expiration: number | undefined;
  let inUse = "";
  let told: string | undefined;
  const look = (): void => {
    const problem = take();
    if (problem !== undefined && problem !== told) options.onProblem(`${options.directory}: ${problem}`);
    told = problem;
    timer = options.clock.setTimeout(look, interval);
  };
  const take = (): string | undefined => {
    let found: FolderCertificate;
    try {
      const [certificate = "", key = "", root = ""] = ["tls.crt", "tls.key", "ca.crt"].map((file) =>
        readFileSync(join(options.directory, file), "utf8"),
      );
      found = { certificate, key, root };
    } catch (error) {
      return `a file of the Secret is missing or cannot be read (${(error as NodeJS.ErrnoException).code}); it needs tls.crt, tls.key and ca.crt`;
    }
    const text = JSON.stringify(found);
    if (text === inUse) return undefined;
    const problem = problemOf(found, options.name, options.clock.now());
    if (problem !== undefined) return problem;
    options.onCertificate(found);
    inUse = text;
    expiration = readCertificate(found.certificate)?.notAfter;
    return undefined;
  };
  return {
    get expiration() {
      return expiration;
    },
    start: look,
    stop: () => timer?.cancel(),
  };
}

function problemOf({ certificate, key, root }: FolderCertificate, name: string, now: number): string | undefined {
  const facts = readCertificate(certificate);
  if (facts === undefined || !belongsTogether(certificate, key))
    return "tls.crt and tls.key cannot be read or do not belong together; issue it anew";
  if (facts.notAfter <= now) return "the certificate has expired; issue it anew";
  if (!facts.dnsNames.includes(name)) return `the certificate lacks the DNS name ${name}; issue one with it`;
  if (!chainsTo(certificate, root))
    return "the certificate does not lead to a root in ca.crt; put its issuer's root there";
  return undefined;
}
