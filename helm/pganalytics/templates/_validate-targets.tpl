{{/* Each of collector.targets: the keys of its Secret against its connection string. */}}
{{- define "pganalytics.validate.targets" -}}
{{- range .Values.collector.targets }}
{{- $service := and .existingSecret (not .usernameKey) (not .passwordKey) }}
{{- if and (or .usernameKey .passwordKey) (not .existingSecret) }}
collector.targets: '{{ .name }}' names keys of a Secret, and no Secret: set its existingSecret
{{- end }}
{{- if and .usernameKey (not .passwordKey) }}
collector.targets: '{{ .name }}' has a usernameKey and no passwordKey: set both, or none for a Secret with pg_service.conf
{{- end }}
{{- if and .usernameKey (regexMatch "((^|[ ?&])user *=|://[^/?]*@)" .conninfo) }}
collector.targets: '{{ .name }}' has a usernameKey, and names a user in its conninfo too: leave one of them out
{{- end }}
{{- if and $service (not (regexMatch "^[A-Za-z0-9._-]+$" .name)) }}
collector.targets: '{{ .name }}' is the name of a section in its Secret's pg_service.conf: use letters, digits, '.', '_' and '-' only
{{- end }}
{{- if and $service (regexMatch "(^|[ ?&])service(file)? *=" .conninfo) }}
collector.targets: '{{ .name }}' has an existingSecret with pg_service.conf, and names a service in its conninfo too: leave one of them out, or set passwordKey
{{- end }}
{{- end }}
{{- end -}}
