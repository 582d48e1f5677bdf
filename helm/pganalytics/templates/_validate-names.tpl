{{/* Names that a Service cannot have, and labels that select pods. */}}
{{- define "pganalytics.validate.names" -}}
{{- $v := .Values -}}
{{- $full := include "pganalytics.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $full) }}
the release name gives objects the prefix '{{ $full }}', but the name of a Service begins with a letter and contains only letters, digits and '-': set fullnameOverride
{{- end }}
{{- $reserved := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" "pganalytics.io/collector" "pganalytics.io/headless" }}
{{- range $where, $labels := dict "commonLabels" $v.commonLabels "backend.podLabels" $v.backend.podLabels "backend.service.labels" $v.backend.service.labels "collector.podLabels" $v.collector.podLabels }}
{{- range $key, $_ := $labels }}
{{- if has $key $reserved }}
{{ $where }}: the label '{{ $key }}' selects pods of this chart: use another key
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
