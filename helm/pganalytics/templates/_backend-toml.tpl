{{/* backend.toml. */}}
{{- define "pganalytics.backendToml" -}}
{{- $v := .Values -}}
{{- $c := $v.backend.config -}}
{{- $settings := dict "data" "/var/lib/pganalytics" "listen" "0.0.0.0:8080" "retention" $c.retention "compact_every" $c.compactEvery "query_memory" $c.queryMemory "query_deadline" $c.queryDeadline "max_rows" (int $c.maxRows) "session_lifetime" $c.sessionLifetime "request_timeout" $c.requestTimeout "drain_delay" $c.drainDelay "trusted_proxy" (eq (include "pganalytics.trustedProxy" .) "true") -}}
{{- if $c.auditStatements -}}
{{- $_ := set $settings "audit_statements" true -}}
{{- end -}}
{{- if $v.database.url -}}
{{- $_ := set $settings "database_url" $v.database.url -}}
{{- if and $v.database.passwordKey (include "pganalytics.secret.database" .) -}}
{{- $_ := set $settings "database_password_file" (printf "/etc/pganalytics/database/%s" $v.database.passwordKey) -}}
{{- end -}}
{{- else if $v.database.urlKey -}}
{{- $_ := set $settings "database_url_file" (printf "/etc/pganalytics/database/%s" $v.database.urlKey) -}}
{{- end -}}
{{- if $v.redis.url -}}
{{- $_ := set $settings "redis_url" $v.redis.url -}}
{{- if and $v.redis.passwordKey (include "pganalytics.secret.redis" .) -}}
{{- $_ := set $settings "redis_password_file" (printf "/etc/pganalytics/redis/%s" $v.redis.passwordKey) -}}
{{- end -}}
{{- else if $v.redis.urlKey -}}
{{- $_ := set $settings "redis_url_file" (printf "/etc/pganalytics/redis/%s" $v.redis.urlKey) -}}
{{- end -}}
{{- if and $v.redis.caKey (or $v.redis.url $v.redis.urlKey) -}}
{{- $_ := set $settings "redis_ca_file" (printf "/etc/pganalytics/redis/%s" $v.redis.caKey) -}}
{{- end -}}
{{- with $v.store.url -}}
{{- $_ := set $settings "store" . -}}
{{- end -}}
{{- if $v.tls.enabled -}}
{{- $_ := set $settings "tls_cert" "/etc/pganalytics/tls/tls.crt" -}}
{{- $_ := set $settings "tls_key" "/etc/pganalytics/tls/tls.key" -}}
{{- $_ := set $settings "tls_min_version" (toString $v.tls.minVersion) -}}
{{- if ne $v.tls.clientAuth.mode "off" -}}
{{- $_ := set $settings "tls_client_ca" (printf "/etc/pganalytics/client-ca/%s" $v.tls.clientAuth.caKey) -}}
{{- $_ := set $settings "tls_client_auth" $v.tls.clientAuth.mode -}}
{{- with $v.tls.clientAuth.crlKey -}}
{{- $_ := set $settings "tls_client_crl" (printf "/etc/pganalytics/client-crl/%s" .) -}}
{{- end -}}
{{- end -}}
{{- else -}}
{{- $_ := set $settings "plain_http" true -}}
{{- end -}}
{{- with include "pganalytics.enrols" . -}}
{{- $_ := set $settings "kubernetes_collectors" . -}}
{{- end -}}
{{- if $v.views -}}
{{- $_ := set $settings "views" "/etc/pganalytics/views" -}}
{{- end -}}
{{- $settings = include "pganalytics.union" (list $settings $v.backend.extraConfig) | fromYaml -}}
[backend]
{{- include "pganalytics.toml" $settings }}
{{- end -}}
