{{/* Whether OpenShift assigns users and groups: "true" or nothing. */}}
{{- define "pganalytics.openshift" -}}
{{- $said := toString .Values.openshift -}}
{{- if or (eq $said "true") (and (eq $said "auto") (.Capabilities.APIVersions.Has "security.openshift.io/v1")) -}}true{{- end -}}
{{- end -}}

{{/* A security context without the users and groups that OpenShift assigns. Takes (list $ context). */}}
{{- define "pganalytics.securityContext" -}}
{{- $context := index . 1 -}}
{{- if include "pganalytics.openshift" (index . 0) -}}
{{- $context = omit $context "runAsUser" "runAsGroup" "fsGroup" "fsGroupChangePolicy" "supplementalGroups" -}}
{{- end -}}
{{- with $context }}
securityContext: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
