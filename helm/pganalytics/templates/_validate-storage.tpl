{{/* Database, Redis and store. */}}
{{- define "pganalytics.validate.storage" -}}
{{- $v := .Values -}}
{{- $shared := include "pganalytics.shared" . -}}
{{- $several := include "pganalytics.several" . -}}
{{- if $v.backend.enabled }}
{{- if and (or $several $v.backend.autoscaling.enabled) (not $shared) }}
backend.replicas and backend.autoscaling: several backends share a PostgreSQL; set database.url and database.existingSecret, or backend.replicas=1
{{- end }}
{{- if and $v.database.url $v.database.urlKey }}
database.url and database.urlKey are both set: leave one of them empty
{{- end }}
{{- if and $v.database.urlKey (not (include "pganalytics.secret.database" .)) }}
database.urlKey names a key, but no Secret is named: set database.existingSecret
{{- end }}
{{- if and $v.redis.url $v.redis.urlKey }}
redis.url and redis.urlKey are both set: leave one of them empty
{{- end }}
{{- if and (or $v.redis.urlKey $v.redis.caKey) (not (include "pganalytics.secret.redis" .)) }}
redis.urlKey and redis.caKey name keys, but no Secret is named: set redis.existingSecret
{{- end }}
{{- if and (eq $v.store.url "database") (not $shared) }}
store.url=database keeps the history in the shared PostgreSQL, but no PostgreSQL is named: set database.url
{{- end }}
{{- if and $several (hasPrefix "file://" $v.store.url) (not $v.store.persistence.enabled) (not $v.backend.extraVolumeMounts) }}
store.url=file://… with several backends needs a volume that all of them share: set store.persistence.enabled=true, or mount one with backend.extraVolumes
{{- end }}
{{- if and (hasPrefix "file://" $v.store.url) $v.store.persistence.enabled (not (hasPrefix "file:///var/lib/pganalytics-store" $v.store.url)) }}
store.persistence is mounted at /var/lib/pganalytics-store: set store.url=file:///var/lib/pganalytics-store
{{- end }}
{{- end }}
{{- if and $v.externalSecrets.enabled (not $v.externalSecrets.secretStoreRef.name) }}
externalSecrets.enabled needs a store of secrets: set externalSecrets.secretStoreRef.name
{{- end }}
{{- end -}}
