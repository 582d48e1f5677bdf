{{/*
Values whose strings may contain templates: annotations, host names, environment variables, and names of Secrets, as in `existingSecret: "{{ .Release.Name }}-db"`.
The templates are rendered in place, once, because a rendered string contains no template.
*/}}
{{- define "pganalytics.templates" -}}
{{- include "pganalytics.templates.map" (list . .Values) -}}
{{- end -}}

{{/* Takes (list $ map). */}}
{{- define "pganalytics.templates.map" -}}
{{- $ := index . 0 -}}
{{- $map := index . 1 -}}
{{- $strings := list "existingSecret" "caSecret" "clientCertificateSecret" "crlSecret" "secretName" -}}
{{- $maps := list "annotations" "podAnnotations" "commonAnnotations" -}}
{{- $lists := list "hosts" "hostnames" "dnsNames" -}}
{{- range $key, $value := $map -}}
{{- if and (has $key $strings) (kindIs "string" $value) -}}
{{- $_ := set $map $key (include "pganalytics.templates.text" (list $ $value)) -}}
{{- else if and (has $key $maps) (kindIs "map" $value) -}}
{{- range $name, $text := $value -}}
{{- $_ := set $value $name (include "pganalytics.templates.text" (list $ $text)) -}}
{{- end -}}
{{- else if and (has $key $lists) (kindIs "slice" $value) -}}
{{- $rendered := list -}}
{{- range $value -}}
{{- if kindIs "map" . -}}
{{- if .host -}}{{- $_ := set . "host" (include "pganalytics.templates.text" (list $ .host)) -}}{{- end -}}
{{- include "pganalytics.templates.map" (list $ .) -}}
{{- $rendered = append $rendered . -}}
{{- else -}}
{{- $rendered = append $rendered (include "pganalytics.templates.text" (list $ .)) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $map $key $rendered -}}
{{- else if and (eq $key "extraEnv") (kindIs "slice" $value) -}}
{{- range $value -}}
{{- if kindIs "string" .value -}}{{- $_ := set . "value" (include "pganalytics.templates.text" (list $ .value)) -}}{{- end -}}
{{- end -}}
{{- else if and (eq $key "targets") (kindIs "slice" $value) -}}
{{- range $value -}}{{- include "pganalytics.templates.map" (list $ .) -}}{{- end -}}
{{- else if kindIs "map" $value -}}
{{- include "pganalytics.templates.map" (list $ $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Takes (list $ text). */}}
{{- define "pganalytics.templates.text" -}}
{{- if contains "{{" (index . 1) -}}{{- tpl (index . 1) (index . 0) -}}{{- else -}}{{- index . 1 -}}{{- end -}}
{{- end -}}
