{{/* Schemes and addresses of backends and collectors. */}}

{{- define "pganalytics.scheme" -}}
{{- ternary "https" "http" .Values.tls.enabled -}}
{{- end -}}

{{/* The scheme of the collectors' port for metrics. */}}
{{- define "pganalytics.metricsScheme" -}}
{{- ternary "https" "http" .Values.collector.tls.enabled -}}
{{- end -}}

{{/* The URL that collectors ship to. */}}
{{- define "pganalytics.backendUrl" -}}
{{- if .Values.collector.backend.url -}}
{{- .Values.collector.backend.url -}}
{{- else -}}
{{- printf "%s://%s-backend.%s.svc:%d" (include "pganalytics.scheme" .) (include "pganalytics.fullname" .) (include "pganalytics.namespace" .) (int .Values.backend.service.port) -}}
{{- end -}}
{{- end -}}
