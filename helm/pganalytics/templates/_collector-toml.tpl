{{/* collector.toml: the part that all collectors share, the table [kubernetes], and the parts of a [[target]]. */}}

{{/* The part of collector.toml that all collectors share. */}}
{{- define "pganalytics.collectorToml" -}}
{{- $v := .Values -}}
{{- $c := .Values.collector -}}
[backend]
url = {{ include "pganalytics.backendUrl" . | toRawJson }}
{{- if eq $c.enrolment.method "serviceAccount" }}
enrolment_token_file = "/etc/pganalytics/token/token"
{{- else }}
token_file = {{ printf "/etc/pganalytics/token/%s" $c.token.key | toRawJson }}
{{- end }}
{{- if include "pganalytics.caSecret" . }}
ca_file = {{ printf "/etc/pganalytics/ca/%s" $v.tls.caKey | toRawJson }}
{{- end }}
{{- if $c.backend.clientCertificateSecret }}
cert_file = "/etc/pganalytics/client/tls.crt"
key_file = "/etc/pganalytics/client/tls.key"
{{- end }}
{{- if ne (toString $v.tls.minVersion) "1.3" }}
tls_min_version = {{ toString $v.tls.minVersion | toRawJson }}
{{- end }}

[spool]
folder = "/var/lib/pganalytics-collector"
max_bytes = {{ $c.spool.maxBytes | toRawJson }}

[collector]
listen = "0.0.0.0:{{ $c.service.port }}"
{{- if $c.tls.enabled }}
tls_cert = "/etc/pganalytics/tls/tls.crt"
tls_key = "/etc/pganalytics/tls/tls.key"
{{- if ne (toString $v.tls.minVersion) "1.3" }}
tls_min_version = {{ toString $v.tls.minVersion | toRawJson }}
{{- end }}
{{- if $c.tls.clientAuth.existingSecret }}
tls_client_ca = {{ printf "/etc/pganalytics/client-ca/%s" $c.tls.clientAuth.caKey | toRawJson }}
{{- with $c.tls.clientAuth.crlKey }}
tls_client_crl = {{ printf "/etc/pganalytics/client-crl/%s" . | toRawJson }}
{{- end }}
# Clients of /metrics present a certificate. The kubelet's probes have none.
tls_client_auth = "optional"
{{- end }}
{{- else }}
# Metrics and health contain no secret, and the network policy limits the readers.
plain_http = true
{{- end }}
flush = {{ $c.flush | toRawJson }}
{{- if $v.views }}
views = "/etc/pganalytics/views"
{{- end }}
{{- range $view, $settings := $c.viewSettings }}

[view.{{ $view }}]
{{- include "pganalytics.toml" $settings }}
{{- end }}
{{- end -}}

{{/* The table [kubernetes]. */}}
{{- define "pganalytics.kubernetesToml" -}}
{{- $d := .Values.collector.discovery -}}
[kubernetes]
enabled = true
{{- if not $d.allNamespaces }}
namespaces = {{ $d.namespaces | toRawJson }}
{{- end }}
secrets = {{ gt (len $d.secrets) 0 }}
{{- if $d.superuserSecrets }}
superuser_secrets = true
{{- end }}
{{- if include "pganalytics.secret.credentials" . }}
password_file = {{ printf "/etc/pganalytics/credentials/%s" .Values.collector.credentials.passwordKey | toRawJson }}
{{- end }}
database = {{ $d.database | toRawJson }}
{{- with $d.sslmode }}
sslmode = {{ . | toRawJson }}
{{- end }}
{{- with $d.requireAuth }}
require_auth = {{ . | toRawJson }}
{{- end }}
databases = {{ $d.databases | toRawJson }}
{{- with $d.excludeDatabases }}
exclude_databases = {{ . | toRawJson }}
{{- end }}
{{- if $d.logs }}
logs = true
{{- end }}
{{- if $d.hostPaths.cgroups }}
cgroups = "/host/sys/fs/cgroup"
{{- end }}
{{- if $d.hostPaths.volumes }}
volumes = "/host/var/lib/kubelet/pods"
{{- end }}
{{- end -}}

{{/* A target's connection string. Unless the target's Secret has plain keys, the string refers to the service file in the Secret. Takes (list index target). */}}
{{- define "pganalytics.conninfo" -}}
{{- $target := index . 1 -}}
{{- $conninfo := $target.conninfo -}}
{{- $service := list (printf "service=%s" $target.name) (printf "servicefile=/etc/pganalytics/targets/%d/pg_service.conf" (index . 0)) -}}
{{- if or (not $target.existingSecret) $target.passwordKey -}}
{{- $conninfo -}}
{{- else if contains "://" $conninfo -}}
{{- printf "%s%s%s" $conninfo (ternary "&" "?" (contains "?" $conninfo)) (join "&" $service) -}}
{{- else -}}
{{- printf "%s %s" $conninfo (join " " $service) -}}
{{- end -}}
{{- end -}}

{{/* The mounted file of a key of a target's Secret; nothing without a key. Takes (list index key). */}}
{{- define "pganalytics.targetFile" -}}
{{- with index . 1 -}}{{- printf "/etc/pganalytics/targets/%d/%s" (index $ 0) . -}}{{- end -}}
{{- end -}}

{{/* The configuration of the collectors with discovery. */}}
{{- define "pganalytics.nodeToml" -}}
{{- include "pganalytics.collectorToml" . }}

{{ include "pganalytics.kubernetesToml" . }}
{{- end -}}

{{/* The configuration of the collector that reads named servers. */}}
{{- define "pganalytics.remoteToml" -}}
{{- include "pganalytics.collectorToml" . }}
{{- range $i, $target := .Values.collector.targets }}

[[target]]
{{- $settings := dict "conninfo" (include "pganalytics.conninfo" (list $i $target)) "name" .name }}
{{- $user := include "pganalytics.targetFile" (list $i .usernameKey) }}
{{- $password := include "pganalytics.targetFile" (list $i .passwordKey) }}
{{- range $key, $value := dict "user_file" $user "password_file" $password "databases" .databases "exclude_databases" .excludeDatabases "max_databases" .maxDatabases "max_connections" .maxConnections }}
{{- if $value }}
{{- $_ := set $settings $key $value }}
{{- end }}
{{- end }}
{{- include "pganalytics.toml" $settings }}
{{- end }}
{{- end -}}
