{{/* Names, labels and the few things that several objects share. The rest stands where it is used. */}}

{{- define "pganalytics.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 36 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 36 characters: a StatefulSet's name may have 52, because its pods' labels hold it with a hash. */}}
{{- define "pganalytics.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 36 | trimSuffix "-" -}}
{{- else if contains (include "pganalytics.name" .) .Release.Name -}}
{{- .Release.Name | trunc 36 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "pganalytics.name" .) | trunc 36 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods of a component. Never a version: selectors cannot be changed. Takes (list $ component). */}}
{{- define "pganalytics.selector" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ include "pganalytics.name" $ }}
app.kubernetes.io/instance: {{ $.Release.Name }}
{{- with index . 1 }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* All labels of an object. Takes (list $ component). */}}
{{- define "pganalytics.labels" -}}
{{- $ := index . 0 -}}
{{ include "pganalytics.selector" . }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: pganalytics
app.kubernetes.io/managed-by: {{ $.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $.Chart.Name ($.Chart.Version | replace "+" "_") }}
{{- with $.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of a pod. Without the chart's version, which would replace all pods where nothing else changed. Takes (list $ component). */}}
{{- define "pganalytics.podLabels" -}}
{{- $ := index . 0 -}}
{{ include "pganalytics.selector" . }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: pganalytics
{{- with $.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* metadata of an object in the release's namespace. Takes (list $ name component [annotations]). */}}
{{- define "pganalytics.metadata" -}}
{{- $ := index . 0 -}}
{{- $annotations := dict -}}
{{- if gt (len .) 3 -}}{{- $annotations = index . 3 -}}{{- end -}}
{{- $annotations = merge (dict) (default (dict) $annotations) $.Values.commonAnnotations -}}
metadata:
  name: {{ index . 1 }}
  namespace: {{ $.Release.Namespace }}
  labels: {{- include "pganalytics.labels" (list $ (index . 2)) | nindent 4 }}
  {{- with $annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* An image, by its digest where there is one. Takes (list $ image). */}}
{{- define "pganalytics.image" -}}
{{- $ := index . 0 -}}
{{- $image := index . 1 -}}
{{- $registry := default $image.registry $.Values.global.imageRegistry -}}
{{- $name := $image.repository -}}
{{- if $registry -}}{{- $name = printf "%s/%s" $registry $image.repository -}}{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default $.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "pganalytics.pullSecrets" -}}
{{- with concat .Values.global.imagePullSecrets .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The name of a component's service account. Takes (list $ settings default). */}}
{{- define "pganalytics.serviceAccount" -}}
{{- $settings := index . 1 -}}
{{- if $settings.create -}}
{{- default (printf "%s-%s" (include "pganalytics.fullname" (index . 0)) (index . 2)) $settings.name -}}
{{- else -}}
{{- default "default" $settings.name -}}
{{- end -}}
{{- end -}}

{{/* The name of the Secret of a purpose: the user's own, or the one that the release makes. Takes (list $ purpose existingSecret). */}}
{{- define "pganalytics.secret" -}}
{{- $ := index . 0 -}}
{{- $purpose := index . 1 -}}
{{- if index . 2 -}}
{{- index . 2 -}}
{{- else if and $.Values.externalSecrets.enabled (index $.Values.externalSecrets.keys $purpose) -}}
{{- printf "%s-%s" (include "pganalytics.fullname" $) $purpose -}}
{{- else if eq $purpose "admin" -}}
{{- printf "%s-admin" (include "pganalytics.fullname" $) -}}
{{- else if and (has $purpose (list "collector" "monitoring")) $.Values.backend.enabled $.Values.secrets.bootstrap.enabled -}}
{{- printf "%s-%s" (include "pganalytics.fullname" $) $purpose -}}
{{- else if and (eq $purpose "database") $.Values.development.enabled $.Values.development.databasePassword -}}
{{- printf "%s-database" (include "pganalytics.fullname" $) -}}
{{- end -}}
{{- end -}}

{{- define "pganalytics.secret.admin" -}}
{{- include "pganalytics.secret" (list . "admin" .Values.backend.admin.existingSecret) -}}
{{- end -}}

{{- define "pganalytics.secret.database" -}}
{{- include "pganalytics.secret" (list . "database" .Values.database.existingSecret) -}}
{{- end -}}

{{- define "pganalytics.secret.redis" -}}
{{- include "pganalytics.secret" (list . "redis" .Values.redis.existingSecret) -}}
{{- end -}}

{{- define "pganalytics.secret.store" -}}
{{- include "pganalytics.secret" (list . "store" .Values.store.existingSecret) -}}
{{- end -}}

{{- define "pganalytics.secret.collector" -}}
{{- include "pganalytics.secret" (list . "collector" .Values.collector.token.existingSecret) -}}
{{- end -}}

{{- define "pganalytics.secret.credentials" -}}
{{- include "pganalytics.secret" (list . "credentials" .Values.collector.credentials.existingSecret) -}}
{{- end -}}

{{- define "pganalytics.secret.monitoring" -}}
{{- include "pganalytics.secret" (list . "monitoring" .Values.monitoring.token.existingSecret) -}}
{{- end -}}

{{/* The Secret with the backends' certificate. */}}
{{- define "pganalytics.secret.tls" -}}
{{- default (printf "%s-backend-tls" (include "pganalytics.fullname" .)) .Values.tls.existingSecret -}}
{{- end -}}

{{/* The Secret with the certificate of the collectors' own port. */}}
{{- define "pganalytics.secret.collectorTls" -}}
{{- default (printf "%s-metrics-tls" (include "pganalytics.fullname" .)) .Values.collector.tls.existingSecret -}}
{{- end -}}

{{/* Whether the release itself must make the Secret of a purpose. Takes (list $ purpose existingSecret). */}}
{{- define "pganalytics.makes" -}}
{{- $v := (index . 0).Values -}}
{{- $purpose := index . 1 -}}
{{- if and $v.backend.enabled $v.secrets.bootstrap.enabled (not (index . 2)) (not (and $v.externalSecrets.enabled (index $v.externalSecrets.keys $purpose))) -}}
{{- if not (and (eq $purpose "admin") $v.development.enabled $v.development.adminPassword) -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{- define "pganalytics.makes.admin" -}}
{{- include "pganalytics.makes" (list . "admin" .Values.backend.admin.existingSecret) -}}
{{- end -}}

{{- define "pganalytics.makes.collector" -}}
{{- if and (include "pganalytics.collects" .) (not .Values.collector.backend.url) (eq .Values.collector.enrolment.method "token") -}}
{{- include "pganalytics.makes" (list . "collector" .Values.collector.token.existingSecret) -}}
{{- end -}}
{{- end -}}

{{- define "pganalytics.makes.monitoring" -}}
{{- if .Values.monitoring.serviceMonitor.enabled -}}
{{- include "pganalytics.makes" (list . "monitoring" .Values.monitoring.token.existingSecret) -}}
{{- end -}}
{{- end -}}

{{/* Whether the bootstrap Job has something to make: "true" or nothing. */}}
{{- define "pganalytics.bootstraps" -}}
{{- if or (include "pganalytics.makes.admin" .) (include "pganalytics.makes.collector" .) (include "pganalytics.makes.monitoring" .) -}}true{{- end -}}
{{- end -}}

{{/* Whether backends share a database: "true" or nothing. */}}
{{- define "pganalytics.shared" -}}
{{- if or .Values.database.url .Values.database.urlKey -}}true{{- end -}}
{{- end -}}

{{/* Whether there is more than one backend: "true" or nothing. */}}
{{- define "pganalytics.several" -}}
{{- if .Values.backend.autoscaling.enabled -}}
{{- if gt (int .Values.backend.autoscaling.minReplicas) 1 -}}true{{- end -}}
{{- else if gt (int .Values.backend.replicas) 1 -}}true
{{- end -}}
{{- end -}}

{{/* Whether X-Forwarded-* is believed: "true" or "false". */}}
{{- define "pganalytics.trustedProxy" -}}
{{- $said := toString .Values.backend.config.trustedProxy -}}
{{- if eq $said "auto" -}}
{{- ternary "true" "false" (or .Values.ingress.enabled .Values.httpRoute.enabled) -}}
{{- else -}}
{{- $said -}}
{{- end -}}
{{- end -}}

{{/* The ServiceAccounts whose collectors may enrol at the backends, with commas; nothing where there is none, and the API server is asked nothing. */}}
{{- define "pganalytics.enrols" -}}
{{- if .Values.backend.enabled -}}
{{- $accounts := .Values.backend.enrolment.serviceAccounts -}}
{{- if and (eq .Values.collector.enrolment.method "serviceAccount") (include "pganalytics.collects" .) (not .Values.collector.backend.url) -}}
{{- $accounts = prepend $accounts (include "pganalytics.collectorAccount" .) -}}
{{- end -}}
{{- join "," (uniq $accounts) -}}
{{- end -}}
{{- end -}}

{{/* The ServiceAccount of this release's collectors, as backends know it. */}}
{{- define "pganalytics.collectorAccount" -}}
{{- printf "%s/%s" .Release.Namespace (include "pganalytics.serviceAccount" (list . .Values.collector.serviceAccount "collector")) -}}
{{- end -}}

{{- define "pganalytics.scheme" -}}
{{- ternary "https" "http" .Values.tls.enabled -}}
{{- end -}}

{{/* Of the collectors' own port. */}}
{{- define "pganalytics.metricsScheme" -}}
{{- ternary "https" "http" .Values.collector.tls.enabled -}}
{{- end -}}

{{/* Where collectors and tests reach the backends. */}}
{{- define "pganalytics.backendUrl" -}}
{{- if .Values.collector.backend.url -}}
{{- .Values.collector.backend.url -}}
{{- else -}}
{{- printf "%s://%s-backend.%s.svc:%d" (include "pganalytics.scheme" .) (include "pganalytics.fullname" .) .Release.Namespace (int .Values.backend.service.port) -}}
{{- end -}}
{{- end -}}

{{/* The Secret with the authority that collectors trust, or nothing. */}}
{{- define "pganalytics.caSecret" -}}
{{- if .Values.tls.caKey -}}
{{- if .Values.collector.backend.caSecret -}}
{{- .Values.collector.backend.caSecret -}}
{{- else if and .Values.tls.enabled .Values.backend.enabled (not .Values.collector.backend.url) -}}
{{- include "pganalytics.secret.tls" . -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Probes of a container. Takes (list settings scheme port opensOnly paths). */}}
{{- define "pganalytics.probes" -}}
{{- $settings := index . 0 -}}
{{- $check := dict -}}
{{- range $name, $path := dict "startup" "/livez" "readiness" "/readyz" "liveness" "/livez" }}
{{ $name }}Probe:
  {{- if index $ 3 }}
  tcpSocket:
    port: {{ index $ 2 }}
  {{- else }}
  httpGet:
    path: {{ $path }}
    port: {{ index $ 2 }}
    scheme: {{ index $ 1 }}
  {{- end }}
  {{- toYaml (index $settings $name) | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Lines of a TOML table from a map, in the order of its keys. JSON's strings, numbers, truth values and lists are TOML's as well. */}}
{{- define "pganalytics.toml" -}}
{{- range $key, $value := . }}
{{- if kindIs "map" $value }}
{{- fail (printf "%s: a table within a table is not a setting; write key and value" $key) }}
{{- end }}
{{- if kindIs "float64" $value }}
{{ $key }} = {{ int64 $value }}
{{- else }}
{{ $key }} = {{ $value | toRawJson }}
{{- end }}
{{- end }}
{{- end -}}
