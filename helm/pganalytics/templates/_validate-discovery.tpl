{{/* Where discovery looks, and how collectors log in to what discovery finds. */}}
{{- define "pganalytics.validate.discovery" -}}
{{- $d := .Values.collector.discovery -}}
{{- if $d.enabled }}
{{- if and (not $d.namespaces) (not $d.allNamespaces) }}
collector.discovery.enabled needs namespaces to look into: set collector.discovery.namespaces, or collector.discovery.allNamespaces=true
{{- end }}
{{- if and $d.namespaces $d.allNamespaces }}
collector.discovery.namespaces and collector.discovery.allNamespaces are both set: leave one of them out
{{- end }}
{{- if and $d.logs $d.allNamespaces }}
collector.discovery.logs with allNamespaces would let collectors read the logs of every pod in the cluster: list the databases' namespaces in collector.discovery.namespaces instead
{{- end }}
{{- if and (not $d.secrets) (not (and (include "pganalytics.secret.credentials" .) .Values.collector.credentials.usernameKey)) }}
collector.discovery: no value says how collectors log in to discovered servers; name Secrets in collector.discovery.secrets, or set collector.credentials.existingSecret to a Secret with user and password of a role that exists on every server
{{- end }}
{{- end }}
{{- end -}}
