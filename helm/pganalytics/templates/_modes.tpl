{{/* What the values amount to: how many backends, which collectors, who may enrol. */}}

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

{{/* Whether targets are read by the Deployment: "true" or nothing. */}}
{{- define "pganalytics.remote" -}}
{{- if and .Values.collector.deployment.enabled .Values.collector.targets -}}true{{- end -}}
{{- end -}}

{{/* Whether there is any collector: "true" or nothing. */}}
{{- define "pganalytics.collects" -}}
{{- if or .Values.collector.discovery.enabled (include "pganalytics.remote" .) -}}true{{- end -}}
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
