{{/* Probes of a container. */}}

{{/* Takes (list settings scheme port only-opens-a-connection). */}}
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
    path: {{ $path | quote }}
    port: {{ index $ 2 }}
    scheme: {{ index $ 1 }}
  {{- end }}
  {{- toYaml (index $settings $name) | nindent 2 }}
{{- end }}
{{- end -}}
