/**
 * The API server, typed by kind. Objects are raw JSON as the server sends it: the same shape from get, list and watch.
 */
import type { Kind } from "../api/kinds.ts";
import type { KubernetesObject } from "../api/kubernetes.ts";
import { manager } from "../model/sidecar.ts";
import { type Clock, systemClock } from "../ops/clock.ts";
import { createConnectionSource } from "./config.ts";
import { isApiError } from "./error.ts";
import type { ObjectName, ObjectOf, ObjectToWrite } from "./objects.ts";
import { describe, pathOf, selectors } from "./path.ts";
import { createTransport, type HttpRequest, type Transport } from "./transport.ts";
import { createLineReader, type WatchEvent, watchEvent } from "./watch.ts";

/** What any call may be given. */
export interface CallOptions {
  /** Milliseconds until the answer must be there. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

/** Which objects of a kind. */
export interface Selection {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  /** As kubectl writes it, such as `heddle.dev/inject in (enabled,enforced)`. */
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** Options of a list. */
export interface ListOptions<T = unknown> extends Selection, CallOptions {
  /** Objects per page. Pages that are too large are asked for again in smaller ones. */
  readonly limit?: number;
  /** What to keep of each object, before the next page comes; of undefined nothing. */
  readonly keep?: (object: T) => T | undefined;
}

/** All objects of a selection at one moment. */
export interface List<T> {
  readonly items: readonly T[];
  /** From here a watch goes on. */
  readonly resourceVersion: string;
}

/** Options of a watch. */
export interface WatchOptions extends Selection {
  /** Where to start; events after it are sent. */
  readonly resourceVersion: string;
  /** After so many seconds the server ends the watch. */
  readonly timeoutSeconds: number;
  /**
   * After so many milliseconds without a byte the connection is closed, as it may be lost. The server sends a bookmark
   * about each minute to a watch that has had an event since the server's start, and nothing at all to others.
   */
  readonly idle: number;
  /** Milliseconds until the server must have begun to answer. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  /** Called once the server has accepted the watch. */
  readonly onOpen?: () => void;
}

/** Options of a server-side apply. */
export interface ApplyOptions extends CallOptions {
  /** Take fields that others own; true unless said otherwise: a foreign edit is put back. */
  readonly force?: boolean;
  /** Whose fields these are; `heddle` unless said otherwise. */
  readonly fieldManager?: string;
  /** Only try whether the server would take it. */
  readonly dryRun?: boolean;
}

/** Options of a delete. */
export interface DeleteOptions extends CallOptions {
  /** The delete conflicts unless the object still is this one, or this version of it. */
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
}

/** Unless said otherwise, every call rejects with an {@link import("./error.ts").ApiError} and with nothing else. */
export interface KubeClient {
  get<K extends Kind>(kind: K, name: ObjectName, options?: CallOptions): Promise<ObjectOf<K>>;
  /** All pages, of one moment, without managedFields. */
  list<K extends Kind>(kind: K, options?: ListOptions<ObjectOf<K>>): Promise<List<ObjectOf<K>>>;
  /**
   * Calls the handler with each event, in order. Resolves when the server has ended the watch or was silent for `idle`;
   * rejects when the signal aborts it or it fails. Objects are as in a list, without managedFields. What the handler
   * throws ends the watch and is what it rejects with.
   */
  watch<K extends Kind>(
    kind: K,
    options: WatchOptions,
    handler: (event: WatchEvent<ObjectOf<K>>) => void,
  ): Promise<void>;
  /**
   * Server-side apply of the main resource: creates or changes, and owns what it names. With `metadata.resourceVersion`
   * a write that was decided on an older version conflicts. That alone does not keep it from creating what was deleted
   * meanwhile (the server ignores the version then): `metadata.uid` beside it does, also as a conflict.
   */
  apply<K extends Kind>(kind: K, object: ObjectToWrite, options?: ApplyOptions): Promise<ObjectOf<K>>;
  /** Server-side apply of the status subresource; the object must exist. */
  applyStatus<K extends Kind>(kind: K, object: ObjectToWrite, options?: ApplyOptions): Promise<ObjectOf<K>>;
  /**
   * Merge patch (RFC 7386) of an object that exists: null takes a field away, whoever owns it. Conflicts by
   * `metadata.resourceVersion` and `metadata.uid` as an apply does.
   */
  patch<K extends Kind>(kind: K, changes: ObjectToWrite, options?: CallOptions): Promise<ObjectOf<K>>;
  /** Conflicts when it exists. */
  create<K extends Kind>(kind: K, object: ObjectToWrite, options?: CallOptions): Promise<ObjectOf<K>>;
  /** Replaces the whole object; with `metadata.resourceVersion` only that version of it. */
  replace<K extends Kind>(kind: K, object: ObjectToWrite, options?: CallOptions): Promise<ObjectOf<K>>;
  /** Replaces the status of an object, whoever wrote it; the rest of what is given is ignored but the version. */
  replaceStatus<K extends Kind>(kind: K, object: ObjectToWrite, options?: CallOptions): Promise<ObjectOf<K>>;
  /** Deleting what does not exist rejects with `notFound`. */
  delete(kind: Kind, name: ObjectName, options?: DeleteOptions): Promise<void>;
  /** Closes idle connections. Calls under way go on. */
  close(): void;
}

/** How {@link createKubeClient} finds the API server. */
export interface KubeClientOptions {
  /** Path of a kubeconfig file. Absent: $KUBECONFIG, the pod's ServiceAccount, ~/.kube/config. */
  readonly kubeconfig?: string | undefined;
  /** What the API server's audit log shows as the caller's program. */
  readonly userAgent?: string;
  readonly clock?: Clock;
}

const timeoutOfCall = 30_000;
const pageLimit = 500;
/** A page of pods is some 5 MB; 32 MiB leave room for a page of ConfigMaps of 1 MiB once it was made smaller. */
const maxBytes = 32 * 1024 * 1024;

/** The client of the cluster that the options, or else the environment, name. @throws Error when they name none */
export function createKubeClient(options: KubeClientOptions = {}): KubeClient {
  const clock = options.clock ?? systemClock;
  const source = createConnectionSource(options.kubeconfig, clock);
  return createClient(createTransport(source, clock, options.userAgent), clock);
}

/** The client over a transport. */
export function createClient(transport: Transport, clock: Clock): KubeClient {
  const call = (
    method: HttpRequest["method"],
    verb: string,
    kind: Kind,
    name: ObjectName | Selection,
    path: string,
    options: CallOptions,
    body?: { readonly value: unknown; readonly contentType?: string },
  ): Promise<unknown> =>
    transport.request({
      method,
      path,
      object: `${verb} ${describe(kind, name)}`,
      timeout: options.timeout ?? timeoutOfCall,
      maxBytes,
      signal: options.signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body.value) }),
      ...(body?.contentType === undefined ? {} : { contentType: body.contentType }),
    });

  const applyTo = async <K extends Kind>(
    kind: K,
    object: ObjectToWrite,
    options: ApplyOptions,
    subresource: string,
  ): Promise<ObjectOf<K>> => {
    const query = {
      fieldManager: options.fieldManager ?? manager,
      force: String(options.force ?? true),
      ...(options.dryRun ? { dryRun: "All" } : {}),
    };
    const path = pathOf(kind, object.metadata, subresource, query);
    const verb = subresource === "" ? "apply" : `apply ${subresource.slice(1)} of`;
    const value = { ...object, apiVersion: kind.apiVersion, kind: kind.kind };
    const contentType = "application/apply-patch+yaml";
    return (await call("PATCH", verb, kind, object.metadata, path, options, { value, contentType })) as ObjectOf<K>;
  };

  const replaceAt = async <K extends Kind>(
    kind: K,
    object: ObjectToWrite,
    options: CallOptions,
    subresource: string,
  ): Promise<ObjectOf<K>> => {
    const path = pathOf(kind, object.metadata, subresource, { fieldManager: manager });
    const verb = subresource === "" ? "replace" : `replace ${subresource.slice(1)} of`;
    const value = { ...object, apiVersion: kind.apiVersion, kind: kind.kind };
    return (await call("PUT", verb, kind, object.metadata, path, options, { value })) as ObjectOf<K>;
  };

  /** All pages of one moment. A limit of 0 asks for everything in one piece. */
  const listPages = async <K extends Kind>(
    kind: K,
    options: ListOptions<ObjectOf<K>>,
    limit: number,
  ): Promise<List<ObjectOf<K>>> => {
    const items: ObjectOf<K>[] = [];
    let token = "";
    for (;;) {
      const query = {
        ...selectors(options),
        ...(limit > 0 ? { limit: String(limit) } : {}),
        ...(token === "" ? {} : { continue: token }),
      };
      const path = pathOf(kind, { namespace: options.namespace }, "", query);
      const page = (await call("GET", "list", kind, options, path, options)) as RawList;
      for (const item of page.items ?? []) {
        const object = completed(kind, item) as ObjectOf<K>;
        const kept = options.keep === undefined ? object : options.keep(object);
        if (kept !== undefined) items.push(kept);
      }
      token = page.metadata?.continue ?? "";
      if (token === "") return { items, resourceVersion: page.metadata?.resourceVersion ?? "" };
    }
  };

  return {
    get: async (kind, name, options = {}) =>
      (await call("GET", "get", kind, name, pathOf(kind, name), options)) as ObjectOf<typeof kind>,

    list: async (kind, options = {}) => {
      let limit = options.limit ?? pageLimit;
      for (let expired = 0; ; ) {
        try {
          return await listPages(kind, options, limit);
        } catch (error) {
          if (isApiError(error) && error.reason === "ResponseTooLarge" && limit > 1)
            limit = Math.floor((limit + 7) / 8);
          // The moment of the first page was compacted away meanwhile: once more, then in one piece.
          else if (isApiError(error, "gone") && expired < 2) {
            expired += 1;
            if (expired === 2) limit = 0;
          } else throw error;
        }
      }
    },

    watch: async (kind, options, handler) => {
      const object = `watch ${describe(kind, options)}`;
      const query = {
        ...selectors(options),
        watch: "true",
        allowWatchBookmarks: "true",
        resourceVersion: options.resourceVersion,
        timeoutSeconds: String(options.timeoutSeconds),
      };
      const controller = new AbortController();
      const abort = (): void => controller.abort();
      if (options.signal?.aborted) abort();
      options.signal?.addEventListener("abort", abort, { once: true });
      let silent = false;
      let thrown: { readonly error: unknown } | undefined;
      let timer = { cancel: (): void => {} };
      const rearm = (): void => {
        timer.cancel();
        timer = clock.setTimeout(() => {
          silent = true;
          abort();
        }, options.idle);
      };
      const reader = createLineReader(object, maxBytes, (line) => {
        // The rest of a chunk after the caller has given up belongs to nobody.
        if (controller.signal.aborted) return;
        const event = watchEvent<ObjectOf<typeof kind>>(object, line);
        completed(kind, event.object);
        try {
          handler(event);
        } catch (error) {
          thrown = { error };
          throw error;
        }
      });
      try {
        await transport.stream(
          {
            method: "GET",
            path: pathOf(kind, { namespace: options.namespace }, "", query),
            object,
            timeout: options.timeout ?? timeoutOfCall,
            maxBytes,
            signal: controller.signal,
          },
          () => {
            rearm();
            options.onOpen?.();
          },
          (chunk) => {
            rearm();
            reader.push(chunk);
          },
        );
      } catch (error) {
        if (thrown !== undefined) throw thrown.error;
        if (!silent) throw error;
      } finally {
        timer.cancel();
        options.signal?.removeEventListener("abort", abort);
      }
    },

    apply: (kind, object, options = {}) => applyTo(kind, object, options, ""),
    applyStatus: (kind, object, options = {}) => applyTo(kind, object, options, "/status"),

    patch: async (kind, changes, options = {}) => {
      const path = pathOf(kind, changes.metadata, "", { fieldManager: manager });
      const body = { value: changes, contentType: "application/merge-patch+json" };
      return (await call("PATCH", "patch", kind, changes.metadata, path, options, body)) as ObjectOf<typeof kind>;
    },

    create: async (kind, object, options = {}) => {
      const path = pathOf(kind, { namespace: object.metadata.namespace }, "", { fieldManager: manager });
      const value = { ...object, apiVersion: kind.apiVersion, kind: kind.kind };
      return (await call("POST", "create", kind, object.metadata, path, options, { value })) as ObjectOf<typeof kind>;
    },

    replace: (kind, object, options = {}) => replaceAt(kind, object, options, ""),
    replaceStatus: (kind, object, options = {}) => replaceAt(kind, object, options, "/status"),

    delete: async (kind, name, options = {}) => {
      const value = {
        apiVersion: "v1",
        kind: "DeleteOptions",
        propagationPolicy: options.propagationPolicy ?? "Background",
        ...(options.preconditions === undefined ? {} : { preconditions: options.preconditions }),
      };
      await call("DELETE", "delete", kind, name, pathOf(kind, name), options, { value });
    },

    close: () => transport.close(),
  };
}

interface RawList {
  readonly metadata?: { readonly continue?: string; readonly resourceVersion?: string };
  readonly items?: readonly KubernetesObject[] | null;
}

/** The object as a get gives it: items of a list do not say their kind, and managedFields nobody reads. Changes it. */
function completed(kind: Kind, item: KubernetesObject): KubernetesObject {
  const object = item as { apiVersion?: string; kind?: string; metadata?: { managedFields?: unknown } };
  object.apiVersion ??= kind.apiVersion;
  object.kind ??= kind.kind;
  if (object.metadata?.managedFields !== undefined) delete object.metadata.managedFields;
  return item;
}
