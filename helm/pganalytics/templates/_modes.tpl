{{/* Which parts the values enable: several backends, a shared database, collectors, enrolment. */}}

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

{{/* Whether backends trust X-Forwarded-*: "true" or "false". */}}
{{- define "pganalytics.trustedProxy" -}}
{{- $said := toString .Values.backend.config.trustedProxy -}}
{{- if eq $said "auto" -}}
{{- ternary "true" "false" (or .Values.ingress.enabled .Values.httpRoute.enabled) -}}
{{- else -}}
{{- $said -}}
{{- end -}}
{{- end -}}

{{/* Whether the Deployment reads named targets: "true" or nothing. */}}
{{- define "pganalytics.remote" -}}
{{- if and .Values.collector.deployment.enabled .Values.collector.targets -}}true{{- end -}}
{{- end -}}

{{/* Whether there is any collector: "true" or nothing. */}}
{{- define "pganalytics.collects" -}}
{{- if or .Values.collector.discovery.enabled (include "pganalytics.remote" .) -}}true{{- end -}}
{{- end -}}

{{/* The ServiceAccounts whose collectors may enrol, separated by commas. If empty, backends never call the API server. */}}
{{- define "pganalytics.enrols" -}}
{{- if .Values.backend.enabled -}}
{{- $accounts := .Values.backend.enrolment.serviceAccounts -}}
{{- if and (eq .Values.collector.enrolment.method "serviceAccount") (include "pganalytics.collects" .) (not .Values.collector.backend.url) -}}
{{- $accounts = prepend $accounts (include "pganalytics.collectorAccount" .) -}}
{{- end -}}
{{- join "," (uniq $accounts) -}}
{{- end -}}
{{- end -}}

{{/* The ServiceAccount of this release's collectors, as namespace/name. */}}
{{- define "pganalytics.collectorAccount" -}}
{{- printf "%s/%s" (include "pganalytics.namespace" .) (include "pganalytics.serviceAccount" (list . .Values.collector.serviceAccount "collector")) -}}
{{- end -}}

{{/* Whether one of monitoring's objects is rendered: "true" or nothing. auto renders the object if the cluster serves its kind. Takes (list $ value kind). */}}
{{- define "pganalytics.monitors" -}}
{{- $ := index . 0 -}}
{{- $enabled := toString (index $.Values.monitoring (index . 1)).enabled -}}
{{- if or (eq $enabled "true") (and (eq $enabled "auto") ($.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" (index . 2)))) -}}true{{- end -}}
{{- end -}}

{{- define "pganalytics.serviceMonitor" -}}
{{- if .Values.backend.enabled -}}{{- include "pganalytics.monitors" (list . "serviceMonitor" "ServiceMonitor") -}}{{- end -}}
{{- end -}}

{{- define "pganalytics.podMonitor" -}}
{{- if include "pganalytics.collects" . -}}{{- include "pganalytics.monitors" (list . "podMonitor" "PodMonitor") -}}{{- end -}}
{{- end -}}

{{- define "pganalytics.prometheusRule" -}}
{{- include "pganalytics.monitors" (list . "prometheusRule" "PrometheusRule") -}}
{{- end -}}
