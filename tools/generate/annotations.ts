import { annotationPrefix, podAnnotations } from "../../src/model/annotations.ts";
import { keys } from "../../src/model/sidecar.ts";

/** The reference page of the annotations that pods and namespaces may have. */
export function annotationsPage(): string {
  const row = ({ name, kind, bound, effect }: (typeof podAnnotations)[number]): string =>
    `| \`${annotationPrefix}${name}\` | ${effect} | ${kind.form} | ${kind.bound}; \`${bound}\` |`;
  return [
    "<!-- Generated from src/model/annotations.ts by tools/generate.ts. Do not edit. -->",
    "",
    "# Annotations of pods",
    "",
    "A pod says by annotations what its sidecar is to be. A value that is none, or beyond its bound, refuses the pod with a",
    "message; an annotation under `heddle.dev/` that is not in the table is a warning. They are read when a pod is created:",
    "put them on the template of its Deployment, where a change makes new pods.",
    "",
    "| Annotation | What it does | Value | Bound of the mesh; unless set |",
    "|---|---|---|---|",
    ...podAnnotations.map(row),
    "",
    "The bound of the mesh is a setting of the operator: `--bound-<name>` or `HEDDLE_BOUND_<NAME>`, such as",
    "`--bound-proxy-cpu-limit=2`. A Namespace has a narrower one by its own annotation `heddle.dev/bound-<name>`, such as",
    '`heddle.dev/bound-exclude-outbound-ports: "25"` or `none`. Both bind. It is whoever may change the Namespace that sets',
    "it, not who may create pods there.",
    "",
    "The four `exclude-` annotations take connections out of the mesh: no mutual TLS, no policy, no split. In a namespace",
    "labelled `heddle.dev/inject: enabled`, whose pods may stay out of the mesh altogether, they are free. In one labelled",
    "`enforced` they are refused unless the Namespace has a bound of its own for them. `--bound-exclude-inbound-ports=none`,",
    "and so on, forbids them in the whole mesh.",
    "",
    "# Annotation of an identity",
    "",
    "| Annotation of a Secret `heddle-identity-<serviceaccount>` | What it does | Value |",
    "|---|---|---|",
    `| \`${keys.renew}\` | has the identity [issued anew](../tasks/identity.md#issue-an-identity-anew), and goes as it is | any |`,
    "",
  ].join("\n");
}
