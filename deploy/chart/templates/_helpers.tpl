{{- define "denywhy.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 52 characters leave room for what is appended to it. */}}
{{- define "denywhy.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "denywhy.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "denywhy.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "denywhy.selectorLabels" -}}
app.kubernetes.io/name: {{ include "denywhy.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "denywhy.labels" -}}
{{ include "denywhy.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "denywhy.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "denywhy.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* denywhy's configuration: what this chart decides, over `config`. */}}
{{- define "denywhy.config" -}}
{{- $host := ternary "[::]" .Values.bindAddress (eq .Values.bindAddress "::") -}}
{{- $own := dict
  "listen" (dict "address" (printf "%s:8417" $host))
  "auth" (dict "tokensFile" "/run/secrets/denywhy/tokens/tokens")
  "store" (dict "driver" .Values.store.driver)
  "kubernetes" (dict "watch" .Values.kubernetes.enabled)
-}}
{{- if eq .Values.store.driver "sqlite" }}
{{- $_ := set $own.store "directory" "/var/lib/denywhy/data" }}
{{- else }}
{{- $_ := set $own "redis" (dict "urlFile" "/run/secrets/denywhy/redis/url") }}
{{- end }}
{{- mergeOverwrite (deepCopy .Values.config) $own | toYaml }}
{{- end }}

{{/* Namespaces whose logs are read from the API server, as JSON. */}}
{{- define "denywhy.logNamespaces" -}}
{{- $logs := default dict .Values.config.logs }}
{{- $loki := default dict .Values.config.loki }}
{{- $all := concat (default list $logs.namespaces) (default list $logs.follow) | uniq | sortAlpha }}
{{- ternary list $all (not (empty $loki.url)) | toJson }}
{{- end }}

{{/* Who may, as Linkerd names them. */}}
{{- define "denywhy.identityRefs" -}}
{{- range . }}
- kind: ServiceAccount
  name: {{ .serviceAccount | quote }}
  namespace: {{ .namespace | quote }}
{{- end }}
{{- end }}

{{/* Who may, as NetworkPolicy names them. */}}
{{- define "denywhy.peers" -}}
{{- range . }}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ .namespace | quote }}
  podSelector:
    {{- if .podLabels }}
    matchLabels:
      {{- toYaml .podLabels | nindent 6 }}
    {{- else }} {}
    {{- end }}
{{- end }}
{{- end }}
