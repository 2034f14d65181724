{{/* Labels of every object. Called with the context and the object's component. */}}
{{- define "heddle.labels" -}}
{{- $context := index . 0 -}}
{{ include "heddle.selector" . }}
app.kubernetes.io/part-of: heddle
app.kubernetes.io/version: {{ $context.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $context.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $context.Chart.Name $context.Chart.Version | replace "+" "_" | quote }}
{{- end }}

{{/* Labels by which pods are selected; they never change. */}}
{{- define "heddle.selector" -}}
app.kubernetes.io/name: heddle
app.kubernetes.io/instance: {{ (index . 0).Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* The name of an image. Called with the context and the image's values. */}}
{{- define "heddle.image" -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default (index . 0).Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* Rights to what the operator makes in namespaces of the mesh, and in its own. */}}
{{- define "heddle.recordRules" -}}
# Names of namespaces, classes and ServiceAccounts are not known beforehand, so that these cannot be listed by name.
- apiGroups: [""]
  resources: [configmaps, secrets]
  verbs: [get, list, watch, create, patch, delete]
# What somebody has added to a record is taken away by replacing it.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [update]
# With the provider CertManager: one for each identity.
- apiGroups: [cert-manager.io]
  resources: [certificates]
  verbs: [get, list, watch, create, update, delete]
{{- end }}

{{/* The version of Envoy that sidecars run. */}}
{{- define "heddle.proxyVersion" -}}
{{- if semverCompare "<1.39.2" .Values.proxy.version -}}
{{ fail (printf "proxy.version is %s: Heddle needs Envoy 1.39.2 or newer, since policies can be bypassed in an older one; take a proxy.image that has it" .Values.proxy.version) }}
{{- end -}}
{{ .Values.proxy.version }}
{{- end }}

{{/* What the Pod Security level "restricted" asks of a pod. */}}
{{- define "heddle.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* The same of a container. */}}
{{- define "heddle.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* Name of the Secret with the webhook's certificate; empty where the operator makes it. */}}
{{- define "heddle.webhookSecret" -}}
{{- with .Values.webhook.certificate -}}
{{ .secretName | default (.issuerRef | empty | ternary "" "heddle-webhook-tls") }}
{{- end }}
{{- end }}
