/**
 * Decides whether a certificate in a Secret may stay or must be issued anew: an ordered list of checks over plain data.
 *
 *   Secret --read--> facts --checks, first hit wins--> reason to issue, or the time of the next look
 */
import { createHash } from "node:crypto";
import type { Secret } from "../api/kubernetes.ts";
import { keys } from "../model/sidecar.ts";
import { belongsTogether, type CertificateFacts, isIssuedBy, readCertificate } from "./certificate.ts";

/** What the Secret should hold. */
export interface ExpectedCertificate {
  readonly names: { readonly uri: string } | { readonly dns: readonly string[] };
  /** The root that signs, PEM. */
  readonly root: string;
  /** All roots that peers are to trust, PEM; has `root`. */
  readonly bundle: string;
  /** The longest life that it may have, in milliseconds; a longer one is of another time. */
  readonly life: number;
  /** Share of its life, between 0 and 1, after which a certificate is replaced. */
  readonly renewAfter: number;
}

/** Why a certificate must be issued. */
export type RenewalReason =
  | "Missing"
  | "WrongType"
  | "Immutable"
  | "Unreadable"
  | "KeyMismatch"
  | "WrongName"
  | "WrongIssuer"
  | "WrongBundle"
  | "NotYetValid"
  | "LivesTooLong"
  | "Expiring";

/** Issue now and why, or look again at a time (milliseconds since the epoch). */
export type RenewalDecision =
  | { readonly issue: true; readonly reason: RenewalReason }
  | { readonly issue: false; readonly lookAgainAt: number };

interface Input {
  readonly secret: Secret;
  readonly certificate: string;
  readonly key: string;
  readonly bundle: string;
  readonly facts: CertificateFacts | undefined;
  readonly expected: ExpectedCertificate;
  readonly now: number;
}

/** From the cheapest to the most costly, and so that the first hit is the most telling reason. */
const checks: readonly { readonly reason: RenewalReason; readonly violated: (input: Input) => boolean }[] = [
  { reason: "WrongType", violated: ({ secret }) => secret.type !== "kubernetes.io/tls" },
  { reason: "Immutable", violated: ({ secret }) => secret.immutable === true },
  { reason: "Unreadable", violated: ({ facts }) => facts === undefined },
  { reason: "WrongName", violated: ({ facts, expected }) => facts === undefined || !hasNames(facts, expected.names) },
  { reason: "WrongBundle", violated: ({ bundle, expected }) => bundle.trim() !== expected.bundle.trim() },
  // Five minutes of slack for clocks that differ.
  { reason: "NotYetValid", violated: ({ facts, now }) => facts !== undefined && facts.notBefore > now + 300_000 },
  {
    reason: "LivesTooLong",
    violated: ({ facts, expected }) => facts !== undefined && facts.notAfter - facts.notBefore > expected.life,
  },
  {
    reason: "Expiring",
    violated: ({ facts, expected, now }) => facts !== undefined && renewalTime(facts, expected.renewAfter) <= now,
  },
  { reason: "KeyMismatch", violated: ({ certificate, key }) => !belongsTogether(certificate, key) },
  { reason: "WrongIssuer", violated: ({ certificate, expected }) => !isIssuedBy(certificate, expected.root) },
];

/** Whether the Secret's certificate must be issued anew. */
export function decideRenewal(secret: Secret | undefined, expected: ExpectedCertificate, now: number): RenewalDecision {
  if (secret === undefined) return { issue: true, reason: "Missing" };
  const certificate = decode(secret, "tls.crt");
  const input: Input = {
    secret,
    certificate,
    key: decode(secret, "tls.key"),
    bundle: decode(secret, "ca.crt"),
    facts: readCertificate(certificate),
    expected,
    now,
  };
  const violated = checks.find((check) => check.violated(input));
  if (violated !== undefined) return { issue: true, reason: violated.reason };
  return { issue: false, lookAgainAt: input.facts === undefined ? now : renewalTime(input.facts, expected.renewAfter) };
}

/** Whether somebody asks by annotation that the Secret's certificate be issued anew, whatever is in it. */
export function isRenewalRequested(secret: Secret): boolean {
  return Object.hasOwn(secret.metadata.annotations ?? {}, keys.renew);
}

/** The text under a key of a Secret; empty when absent. */
export function decode(secret: Secret, key: string): string {
  const value = Object.hasOwn(secret.data ?? {}, key) ? secret.data?.[key] : undefined;
  return value === undefined ? "" : Buffer.from(value, "base64").toString("utf8");
}

/** A share of a life between 0.95 times the given one and that one, always the same for a key: spreads renewals over time. */
export function spreadRenewal(key: string, share: number): number {
  const fraction = createHash("sha256").update(key).digest().readUInt32BE(0) / 2 ** 32;
  return share * (0.95 + 0.05 * fraction);
}

function renewalTime(facts: CertificateFacts, share: number): number {
  return facts.notBefore + (facts.notAfter - facts.notBefore) * share;
}

function hasNames(facts: CertificateFacts, names: ExpectedCertificate["names"]): boolean {
  if ("uri" in names) return facts.uris.length === 1 && facts.uris[0] === names.uri && facts.dnsNames.length === 0;
  return (
    facts.uris.length === 0 &&
    names.dns.length === facts.dnsNames.length &&
    names.dns.every((name) => facts.dnsNames.includes(name))
  );
}
