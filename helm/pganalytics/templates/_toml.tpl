{{/* TOML from values. */}}

{{/* Lines of a TOML table from a map, in the order of its keys. Strings, numbers, booleans and lists have the same syntax in JSON and TOML. */}}
{{- define "pganalytics.toml" -}}
{{- range $key, $value := . }}
{{- if kindIs "map" $value }}
{{- fail (printf "%s: a table within a table is not a setting; write key and value" $key) }}
{{- end }}
{{- if and (kindIs "float64" $value) (eq (floor $value) $value) }}
{{ $key }} = {{ int64 $value }}
{{- else }}
{{ $key }} = {{ $value | toRawJson }}
{{- end }}
{{- end }}
{{- end -}}
