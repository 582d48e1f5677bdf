{{/* The collector pods' fields before the containers. */}}

{{/* Takes (list $ settings discovers). */}}
{{- define "pganalytics.collectorPod" -}}
{{- $ := index . 0 -}}
{{- $s := index . 1 -}}
{{- $c := $.Values.collector -}}
serviceAccountName: {{ include "pganalytics.serviceAccount" (list $ $c.serviceAccount "collector") | quote }}
automountServiceAccountToken: {{ index . 2 }}
enableServiceLinks: false
{{- include "pganalytics.pullSecrets" $ }}
{{- with $s.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
terminationGracePeriodSeconds: {{ $c.terminationGracePeriodSeconds }}
{{- with include "pganalytics.securityContext" (list $ $c.podSecurityContext) | trim }}
{{- . | nindent 0 }}
{{- end }}
{{- with $s.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $s.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $s.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
