/** A certificate authority for tests, and workload certificates that it signs. */
import { createRoot, type KeyPair, openAuthority } from "../../src/identity/authority.ts";

const hour = 60 * 60 * 1000;

/** What the Secret of a ServiceAccount holds, PEM. */
export interface TestIdentity extends KeyPair {
  /** The authority that its owner trusts. */
  readonly authority: string;
}

/** An authority of its own: no other one's certificates are trusted by those who trust it. */
export interface TestAuthority {
  issue(spiffeId: string): Promise<TestIdentity>;
}

/** Makes a new authority, valid for an hour. */
export async function createTestAuthority(): Promise<TestAuthority> {
  const validity = { notBefore: Date.now() - hour, notAfter: Date.now() + hour };
  const { issue, root } = await openAuthority(await createRoot("heddle-test", validity));
  return { issue: async (uri) => ({ ...(await issue({ uri }, validity)), authority: root }) };
}
