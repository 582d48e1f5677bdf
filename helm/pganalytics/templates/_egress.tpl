{{/* One rule of a NetworkPolicy. */}}

{{/* One rule of what may be reached. Takes (list ports protocols peers). */}}
{{- define "pganalytics.egress" -}}
{{- $protocols := index . 1 -}}
- ports:
  {{- range $port := index . 0 }}
  {{- range $protocols }}
    - port: {{ int $port }}
      protocol: {{ . }}
  {{- end }}
  {{- end }}
  {{- with index . 2 }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
