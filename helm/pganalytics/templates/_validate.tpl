{{/*
Refuses values that contradict each other, which values.schema.json cannot express. Each `pganalytics.validate.…` prints one line per fault: the values, what is
wrong, and the values to set.
*/}}
{{- define "pganalytics.validate" -}}
{{- $wrong := list -}}
{{- range list "storage" "tls" "access" "discovery" "tokens" "targets" "network" "names" "scale" -}}
{{- $wrong = concat $wrong (include (printf "pganalytics.validate.%s" .) $ | splitList "\n" | compact) -}}
{{- end -}}
{{- with $wrong -}}
{{- fail (printf "\n\nThese values do not go together:\n  - %s\n" (join "\n  - " .)) -}}
{{- end -}}
{{- end -}}
