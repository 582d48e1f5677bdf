{{/* Ports that only a Secret contains, so that network policies cannot open them. */}}
{{- define "pganalytics.validate.network" -}}
{{- $v := .Values -}}
{{- $n := $v.networkPolicy -}}
{{- if $n.enabled }}
{{- if and $v.backend.enabled $v.database.urlKey (not $v.database.url) (not $n.databasePorts) }}
database.urlKey: the port of the database is in the Secret, where network policies cannot read the port; set networkPolicy.databasePorts, for example [5432]
{{- end }}
{{- if and $v.backend.enabled $v.redis.urlKey (not $v.redis.url) (not $n.redisPorts) }}
redis.urlKey: the port of Redis is in the Secret, where network policies cannot read the port; set networkPolicy.redisPorts, for example [6379]
{{- end }}
{{- if and (include "pganalytics.remote" .) (not $n.targetPorts) }}
{{- range $v.collector.targets }}
{{- if not (include "pganalytics.conninfoPorts" .conninfo | fromJsonArray) }}
collector.targets: the port of '{{ .name }}' is in a service file, where network policies cannot read the port; set networkPolicy.targetPorts, for example [5432], or host and port in its conninfo
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
