{{/*
Ports that network policies open, as JSON lists. A list of networkPolicy overrides the ports; otherwise they follow from the URLs and connection strings in the
values. `_validate-network.tpl` refuses values whose port is only in a Secret.
*/}}

{{/* The ports of a URL with one or several hosts. Takes (list url default). */}}
{{- define "pganalytics.urlPorts" -}}
{{- $default := int (index . 1) -}}
{{- $ports := list -}}
{{- $authority := regexReplaceAll "^[a-z0-9]+://([^/?#]*@)?([^/?#]*).*$" (index . 0) "${2}" -}}
{{- range splitList "," $authority -}}
{{- /* The port follows the host name, or the bracket of an IPv6 address. */ -}}
{{- $port := regexFind ":[0-9]+$" (regexReplaceAll "^\\[.*\\]" . "") | trimPrefix ":" -}}
{{- $ports = append $ports (int (default $default $port)) -}}
{{- end -}}
{{- range regexFindAll "[?&]port=[0-9,]+" (index . 0) -1 -}}
{{- $ports = concat (ternary list $ports (regexMatch "://([^/?#]*@)?/" (index $ 0))) (splitList "," (regexFind "[0-9,]+$" .) | include "pganalytics.ints" | fromJsonArray) -}}
{{- end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}

{{- define "pganalytics.ints" -}}
{{- $out := list -}}
{{- range . -}}{{- if . -}}{{- $out = append $out (int .) -}}{{- end -}}{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{/* The ports of a connection string in either form; nothing if the string has neither host nor port, because a service file has them. */}}
{{- define "pganalytics.conninfoPorts" -}}
{{- if regexMatch "^postgres(ql)?://" . -}}
{{- include "pganalytics.urlPorts" (list . 5432) -}}
{{- else -}}
{{- with regexFind "(^| )port *= *'?[0-9,]+" . -}}
{{- regexFind "[0-9,]+$" . | splitList "," | include "pganalytics.ints" -}}
{{- else -}}
{{- ternary "[5432]" "[]" (regexMatch "(^| )host(addr)? *=" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "pganalytics.ports.database" -}}
{{- if .Values.networkPolicy.databasePorts -}}
{{- toJson .Values.networkPolicy.databasePorts -}}
{{- else if .Values.database.url -}}
{{- include "pganalytics.urlPorts" (list .Values.database.url 5432) -}}
{{- else -}}[]{{- end -}}
{{- end -}}

{{- define "pganalytics.ports.redis" -}}
{{- if .Values.networkPolicy.redisPorts -}}
{{- toJson .Values.networkPolicy.redisPorts -}}
{{- else if .Values.redis.url -}}
{{- include "pganalytics.urlPorts" (list .Values.redis.url 6379) -}}
{{- else -}}[]{{- end -}}
{{- end -}}

{{/* HTTPS, or the endpoints that store.env names. */}}
{{- define "pganalytics.ports.store" -}}
{{- if .Values.networkPolicy.storePorts -}}
{{- toJson .Values.networkPolicy.storePorts -}}
{{- else if regexMatch "^(s3|gs|az)://" .Values.store.url -}}
{{- $ports := list -}}
{{- range $value := .Values.store.env -}}
{{- with regexFind "^https?://.*" (toString $value) -}}
{{- $ports = concat $ports (include "pganalytics.urlPorts" (list . (ternary 443 80 (hasPrefix "https:" .))) | fromJsonArray) -}}
{{- end -}}
{{- end -}}
{{- default (list 443) $ports | uniq | toJson -}}
{{- else -}}[]{{- end -}}
{{- end -}}

{{/* The named servers' ports, and PostgreSQL's own port for discovery. */}}
{{- define "pganalytics.ports.targets" -}}
{{- if .Values.networkPolicy.targetPorts -}}
{{- toJson .Values.networkPolicy.targetPorts -}}
{{- else -}}
{{- $ports := list -}}
{{- if .Values.collector.discovery.enabled -}}{{- $ports = list 5432 -}}{{- end -}}
{{- range .Values.collector.targets -}}
{{- $ports = concat $ports (include "pganalytics.conninfoPorts" .conninfo | fromJsonArray) -}}
{{- end -}}
{{- toJson (uniq $ports) -}}
{{- end -}}
{{- end -}}

{{/* The ports of proxies that a list of environment variables names (HTTPS_PROXY and the like). Takes the list. */}}
{{- define "pganalytics.ports.proxies" -}}
{{- $ports := list -}}
{{- range . -}}
{{- if and (regexMatch "(?i)^(https?|all)_proxy$" .name) .value -}}
{{- $ports = concat $ports (include "pganalytics.urlPorts" (list (toString .value) (ternary 443 80 (hasPrefix "https:" (toString .value)))) | fromJsonArray) -}}
{{- end -}}
{{- end -}}
{{- toJson (uniq $ports) -}}
{{- end -}}
