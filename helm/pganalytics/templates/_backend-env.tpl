{{/* Environment variables of the backend's containers. */}}

{{/* Takes (list $ more-variables serves). */}}
{{- define "pganalytics.backendEnv" -}}
{{- $ := index . 0 -}}
- name: PGANALYTICS_BACKEND_CONFIG
  value: /etc/pganalytics/config/backend.toml
- name: PGANALYTICS_LOG
  value: {{ $.Values.backend.logLevel | quote }}
- name: PGANALYTICS_LOG_FORMAT
  value: {{ $.Values.backend.logFormat | quote }}
{{- if index . 2 }}
# For `kubectl exec … -- pganalytics …`: the command line finds this backend by its folder.
- name: PGANALYTICS_DATA
  value: /var/lib/pganalytics
- name: PGANALYTICS_ADMIN_PASSWORD_FILE
  value: /etc/pganalytics/admin/{{ $.Values.backend.admin.passwordKey }}
{{- end }}
{{- with index . 1 }}
{{ . }}
{{- end }}
{{- end -}}

{{/* Takes (list $ Secret-of-the-store). */}}
{{- define "pganalytics.backendEnvFrom" -}}
{{- $from := (index . 0).Values.backend.extraEnvFrom -}}
{{- with index . 1 -}}
{{- $from = prepend $from (dict "secretRef" (dict "name" .)) -}}
{{- end -}}
{{- with $from }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
