{{/* One map from several, as YAML: later maps win, also with an empty or false value, and each key is there once. Takes the list of maps. */}}
{{- define "pganalytics.union" -}}
{{- $all := dict -}}
{{- range $map := . -}}
{{- range $key, $value := $map -}}
{{- $_ := set $all $key $value -}}
{{- end -}}
{{- end -}}
{{- if $all -}}{{- toYaml $all -}}{{- end -}}
{{- end -}}
