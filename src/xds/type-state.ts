import type { EnvoyResource, ResourceType } from "../envoy/resource.ts";

/** A version that the proxy has. Its content is unknown when the proxy brought it from another stream. */
export interface HeldVersion {
  readonly version: string;
  readonly resource?: EnvoyResource;
}

/** A resource of which the proxy has, or may have, something else than it should. */
export interface OpenEntry {
  /** What it acknowledged last. */
  held: HeldVersion | undefined;
  /** What it refused together with others, so that it may have taken it or not. */
  maybe: EnvoyResource[];
  /** What it refused alone: never sent again in this version. */
  rejected: { readonly version: string; readonly message: string } | undefined;
  /** To be sent even if it seems to have it: it asked again, its cluster waits for it, or it may have removed it. */
  force: boolean;
  /** It was told that the resource does not exist. */
  toldMissing: boolean;
}

/** A response whose acknowledgement is due. */
export interface InFlight {
  readonly nonce: string;
  /** By name; undefined for a removal. Names that the proxy unsubscribed since are taken out. */
  readonly sent: Map<string, EnvoyResource | undefined>;
  /** Those. If the proxy subscribes again, it may have read the response before or after that. */
  readonly overtaken: Map<string, EnvoyResource>;
}

/** Most names that a proxy may subscribe to per type, whether they exist or not. Bounds its memory here. */
export const maxSubscriptions = 65_536;

/**
 * What one stream knows of one type. A name without an entry in `open` is settled: if the proxy wants it, the proxy has
 * acknowledged exactly what the target says. So a stream costs memory for what is not settled, and for its subscriptions.
 */
export class TypeState {
  readonly type: ResourceType;
  readonly open = new Map<string, OpenEntry>();
  /** Endpoints whose cluster was sent before the proxy subscribed to them. */
  readonly awaited = new Set<string>();
  /** Names to be sent in company of no others, because some of them were refused together. */
  isolated: string[][] = [];
  requested = false;
  wildcard = false;
  /** The first wildcard request is answered even when there is nothing to send: Envoy waits for it. */
  owesAnswer = false;
  inFlight: InFlight | undefined;
  /** Of other streams too, unless {@link #ownNames} is there. */
  #sharedNames: ReadonlySet<string> = new Set();
  #ownNames: Set<string> | undefined;

  constructor(type: ResourceType) {
    this.type = type;
  }

  /** Names that the proxy asked for. */
  get subscribed(): ReadonlySet<string> {
    return this.#ownNames ?? this.#sharedNames;
  }

  subscribe(name: string): void {
    this.#ownNames ??= new Set(this.#sharedNames);
    this.#ownNames.add(name);
  }

  unsubscribe(name: string): void {
    if (!this.subscribed.has(name)) return;
    this.#ownNames ??= new Set(this.#sharedNames);
    this.#ownNames.delete(name);
  }

  /** Replaces its names, if they have changed, by an equal set that others have too. */
  share(shared: (names: ReadonlySet<string>) => ReadonlySet<string>): void {
    if (this.#ownNames === undefined) return;
    this.#sharedNames = shared(this.#ownNames);
    this.#ownNames = undefined;
  }

  wants(name: string): boolean {
    return this.requested && (this.wildcard || this.subscribed.has(name));
  }

  /** The entry of a name; made with `held` when the name was settled. */
  openEntry(name: string, held: HeldVersion | undefined): OpenEntry {
    const known = this.open.get(name);
    if (known !== undefined) return known;
    const entry: OpenEntry = { held, maybe: [], rejected: undefined, force: false, toldMissing: false };
    this.open.set(name, entry);
    return entry;
  }

  /** What the proxy may have taken, or removed, although it never said so: refused in company, or not answered. */
  doubts(): ReadonlyMap<string, readonly EnvoyResource[]> {
    const doubts = new Map<string, readonly EnvoyResource[]>();
    for (const [name, { maybe, force }] of this.open) {
      const sent = this.inFlight?.sent.get(name);
      if (maybe.length > 0 || force || this.inFlight?.sent.has(name) === true) {
        doubts.set(name, sent === undefined ? maybe : [...maybe, sent]);
      }
    }
    return doubts;
  }

  /** Forgets a name: the proxy dropped it. */
  drop(name: string): void {
    this.unsubscribe(name);
    this.open.delete(name);
    const resource = this.inFlight?.sent.get(name);
    if (resource !== undefined) this.inFlight?.overtaken.set(name, resource);
    this.inFlight?.sent.delete(name);
  }

  /**
   * Splits what was refused together so that the one at fault is found in few responses: those that the error names go
   * alone, after the others; without any such hint, in halves.
   */
  isolate(names: readonly string[], message: string): void {
    const suspects = names.filter((name) => message.includes(name));
    const others = names.filter((name) => !message.includes(name));
    if (suspects.length === 0) {
      const half = Math.ceil(others.length / 2);
      this.isolated.unshift(others.slice(0, half), others.slice(half));
    } else {
      const alone = suspects.map((name) => [name]);
      this.isolated.unshift(...(others.length > 0 ? [others, ...alone] : alone));
    }
  }
}

/** The resources but those of one's version. */
export const without = (resources: readonly EnvoyResource[], { version }: EnvoyResource): EnvoyResource[] =>
  resources.filter((resource) => resource.version !== version);

/** A resource as the proxy has it. */
export const held = (resource: EnvoyResource | undefined): HeldVersion | undefined =>
  resource && { version: resource.version, resource };
