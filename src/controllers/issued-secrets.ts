/**
 * Certificates by the operator's own authority, in Secrets.
 *
 *   Secret: there, good --> nothing to write; the time of the next look is set
 *           there, not so --> issued anew
 *           not there --> made
 */
import type { Secret } from "../api/kubernetes.ts";
import type { Authority, KeyPair, SubjectNames } from "../identity/authority.ts";
import type { AuthorityKeys } from "../identity/authority-secret.ts";
import { decideRenewal, type ExpectedCertificate, isRenewalRequested } from "../identity/renewal.ts";
import type { ObjectKey } from "../model/object-key.ts";
import { objectFields } from "../ops/logger.ts";
import type { ForeignEdits } from "./foreign-edits.ts";
import type { SecretContent, SecretWriter } from "./secret-writer.ts";
import type { KeyedTimers } from "./timers.ts";
import type { Outcome } from "./work-queue.ts";
import type { WriterOptions } from "./writer.ts";

/** Clocks differ: a certificate is valid from a little before it was issued, in milliseconds. */
export const longestSlack = 60_000;

/** What a Secret is to hold. */
export interface WantedCertificate {
  readonly names: SubjectNames;
  /** Share of its life, between 0 and 1, after which it is replaced. */
  readonly renewAfter: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The authority as it was opened. It is used only while its Secret holds it. */
export interface OpenedAuthority {
  readonly authority: Authority;
  readonly keys: AuthorityKeys;
}

/** Issues certificates and sees to the Secrets that hold them. */
export interface SecretIssuer {
  /** A certificate and its key, valid from now on. */
  issue(by: Authority, names: SubjectNames): Promise<KeyPair>;
  /**
   * Looks at a Secret as the watch sees it, and sets when it is to be looked at again.
   * @returns the write that it needs; undefined when it needs none, or when that is not this replica's, or not yet.
   */
  look(
    key: ObjectKey,
    wanted: WantedCertificate,
    by: OpenedAuthority,
    secret: Secret | undefined,
  ): (() => Promise<Outcome>) | undefined;
}

/** An issuer. Writes only while this replica leads. */
export function createSecretIssuer(
  options: Pick<WriterOptions, "clock" | "isLeader" | "logger" | "record"> & {
    readonly writer: SecretWriter;
    readonly edits: ForeignEdits;
    /** By which a key comes again. */
    readonly timers: KeyedTimers;
    /** How long a certificate lives from now on, in milliseconds. */
    readonly life: () => number;
  },
): SecretIssuer {
  const { clock, edits, life, timers, writer } = options;
  const slack = (): number => Math.min(longestSlack, life() / 10);
  const issue: SecretIssuer["issue"] = (by, names) =>
    by.issue(names, { notBefore: clock.now() - slack(), notAfter: clock.now() + life() });
  return {
    issue,
    look: (key, { names, renewAfter, annotations }, { authority, keys }, secret) => {
      const expected: ExpectedCertificate = {
        names,
        renewAfter,
        root: keys.certificate,
        bundle: keys.bundle,
        // Times in certificates are whole seconds.
        life: life() + slack() + 1000,
      };
      const content = async (): Promise<SecretContent> => {
        const issued = await issue(authority, names);
        return { ...issued, bundle: keys.bundle, ...(annotations === undefined ? {} : { annotations }) };
      };
      if (secret === undefined) {
        const isGood = (found: Secret): boolean => !decideRenewal(found, expected, clock.now()).issue;
        return options.isLeader() ? () => writer.create(key, content, isGood) : undefined;
      }
      const decision = decideRenewal(secret, expected, clock.now());
      const meant = JSON.stringify([names, keys.certificate, keys.bundle]);
      if (!decision.issue && !isRenewalRequested(secret)) {
        edits.settled(key, meant);
        timers.at(key, decision.lookAgainAt);
        return undefined;
      }
      if (!options.isLeader() || edits.isBehind(key, secret.metadata.resourceVersion)) return undefined;
      const reason = decision.issue ? decision.reason : "Requested";
      return async () => {
        if (!["Expiring", "LivesTooLong", "Requested"].includes(reason)) {
          if (edits.judge(key, meant) === "later") return "done";
          const note = `What was in this Secret could not be used (${reason}); a new certificate is issued.`;
          options.record(secret, { type: "Warning", reason: "IdentityReplaced", action: "Issue", note });
        }
        options.logger.info({ ...objectFields(key, "Secret"), reason }, "certificate issued");
        // These cannot be changed: the Secret goes first, and its end brings a new one.
        const isFixed = reason === "WrongType" || reason === "Immutable";
        const outcome = isFixed ? await writer.remove(secret) : await writer.replace(secret, await content());
        if (outcome === "done") edits.written(key, meant, [secret.metadata.resourceVersion]);
        return outcome;
      };
    },
  };
}
