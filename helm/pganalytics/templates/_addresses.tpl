{{/* Schemes and addresses of backends and collectors. */}}

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
