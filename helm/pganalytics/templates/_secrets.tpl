{{/* Which Secret serves a purpose, and whether the bootstrap Job creates it. */}}

{{/* The name of a purpose's Secret: the user's, or the release's. Takes (list $ purpose existingSecret). */}}
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

{{/* The Secret with the certificate of the collectors' port for metrics. */}}
{{- define "pganalytics.secret.collectorTls" -}}
{{- default (printf "%s-metrics-tls" (include "pganalytics.fullname" .)) .Values.collector.tls.existingSecret -}}
{{- end -}}

{{/* The Secret with the certificate authority that collectors trust, or nothing. */}}
{{- define "pganalytics.caSecret" -}}
{{- if .Values.tls.caKey -}}
{{- if .Values.collector.backend.caSecret -}}
{{- .Values.collector.backend.caSecret -}}
{{- else if and .Values.tls.enabled .Values.backend.enabled (not .Values.collector.backend.url) -}}
{{- include "pganalytics.secret.tls" . -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether the bootstrap Job creates a purpose's Secret: "true" or nothing. Takes (list $ purpose existingSecret). */}}
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
{{- if include "pganalytics.serviceMonitor" . -}}
{{- include "pganalytics.makes" (list . "monitoring" .Values.monitoring.token.existingSecret) -}}
{{- end -}}
{{- end -}}

{{/* Whether the bootstrap Job has a Secret to create: "true" or nothing. */}}
{{- define "pganalytics.bootstraps" -}}
{{- if or (include "pganalytics.makes.admin" .) (include "pganalytics.makes.collector" .) (include "pganalytics.makes.monitoring" .) -}}true{{- end -}}
{{- end -}}
