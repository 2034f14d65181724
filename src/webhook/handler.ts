import { quote } from "../model/quote.ts";
import { type InjectionNamespace, injectPod } from "./inject.ts";
import { nameOf } from "./metadata.ts";
import { podPatch } from "./patch.ts";
import { PodShapeError, parsePod } from "./pod.ts";
import { ephemeralRefusal, ephemeralWarnings } from "./reserved.ts";
import { type AdmissionDecision, type AdmissionRequest, ReviewError } from "./review.ts";
import type { InjectionSettings } from "./settings.ts";

/** Answers one kind of admission request. */
export type AdmissionHandler = (request: AdmissionRequest) => AdmissionDecision | Promise<AdmissionDecision>;

/**
 * Paths on which the API server asks for injection. The request does not carry the namespace's labels, so that the path
 * tells whether its pods may opt out.
 */
export const injectionPaths = { enabled: "/inject", enforced: "/inject/enforced" } as const;

/** Path on which the API server asks whether an ephemeral container may be added to an injected pod. */
export const ephemeralPath = "/ephemeral-containers";

/** The annotations of a Namespace; undefined while it is not known. */
export type AnnotationsOfNamespace = (namespace: string) => Readonly<Record<string, string>> | undefined;

/** The handlers of {@link injectionPaths}, by path. */
export function createInjectionHandlers(
  settings: InjectionSettings,
  annotationsOf: AnnotationsOfNamespace,
  isManaged: (namespace: string) => boolean = () => true,
): ReadonlyMap<string, AdmissionHandler> {
  const handler = (enforced: boolean) => (request: AdmissionRequest) => {
    const { namespace } = request;
    const annotations = annotationsOf(namespace);
    return decide(request, { name: namespace, enforced, annotations, isUnmanaged: !isManaged(namespace) }, settings);
  };
  return new Map([
    [injectionPaths.enabled, handler(false)],
    [injectionPaths.enforced, handler(true)],
    [ephemeralPath, decideEphemeral],
  ]);
}

/** @throws ReviewError when the request is not the update of a pod's ephemeral containers. */
function decideEphemeral(request: AdmissionRequest): AdmissionDecision {
  const { apiVersion, kind, operation, namespace } = request;
  if (apiVersion !== "v1" || kind !== "Pod" || operation !== "UPDATE") {
    throw new ReviewError(
      "only updates of v1 Pods' ephemeral containers can be reviewed here; correct the rules of the webhook configuration",
    );
  }
  const pod = readPod(request.object);
  const message = ephemeralRefusal(pod);
  if (message === undefined) return { allowed: true, patch: [], warnings: ephemeralWarnings(pod) };
  return { allowed: false, message: `Pod ${quote(nameOf(pod))} in namespace ${namespace}: ${message}` };
}

/** @throws ReviewError when the request is not the creation of a pod. */
function decide(
  request: AdmissionRequest,
  namespace: InjectionNamespace,
  settings: InjectionSettings,
): AdmissionDecision {
  const { apiVersion, kind, operation } = request;
  if (apiVersion !== "v1" || kind !== "Pod" || operation !== "CREATE") {
    throw new ReviewError(
      "only the creation of v1 Pods can be reviewed here; correct the rules of the webhook configuration",
    );
  }
  if (namespace.name === "") throw new ReviewError("request.namespace is empty, and a Pod has one");
  const pod = readPod(request.object);
  const injection = injectPod(pod, namespace, settings);
  switch (injection.kind) {
    case "injected":
      return { allowed: true, patch: podPatch(pod, injection.pod), warnings: injection.warnings };
    case "skipped":
      return { allowed: true, patch: [], warnings: [] };
    case "refused":
      return {
        allowed: false,
        message: `Pod ${quote(nameOf(pod))} in namespace ${namespace.name}: ${injection.message}`,
      };
  }
}

function readPod(object: unknown) {
  try {
    return parsePod(object);
  } catch (error) {
    if (error instanceof PodShapeError) throw new ReviewError(`request.${error.message}`);
    throw error;
  }
}
