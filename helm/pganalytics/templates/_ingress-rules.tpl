{{/* The hosts of the Ingress, each with paths and the Secret of its certificate. */}}

{{/* ingress.hosts as a JSON list of maps with host, paths and secretName. */}}
{{- define "pganalytics.ingress.hosts" -}}
{{- $hosts := list -}}
{{- $paths := list (dict "path" "/" "pathType" "Prefix") -}}
{{- $secret := default (printf "%s-ingress-tls" (include "pganalytics.fullname" .)) .Values.ingress.tls.secretName -}}
{{- range .Values.ingress.hosts -}}
{{- if kindIs "string" . -}}
{{- $hosts = append $hosts (dict "host" . "paths" $paths "secretName" $secret) -}}
{{- else -}}
{{- $hosts = append $hosts (dict "host" .host "paths" (default $paths .paths) "secretName" (default $secret .secretName)) -}}
{{- end -}}
{{- end -}}
{{- toJson $hosts -}}
{{- end -}}

{{- define "pganalytics.ingressRules" -}}
{{- range include "pganalytics.ingress.hosts" . | fromJsonArray }}
- host: {{ .host | quote }}
  http:
    paths:
      {{- range .paths }}
      - path: {{ .path | quote }}
        pathType: {{ default "Prefix" .pathType }}
        backend:
          service:
            name: {{ include "pganalytics.fullname" $ }}-backend
            port:
              name: {{ include "pganalytics.scheme" $ | quote }}
      {{- end }}
{{- end }}
{{- end -}}

{{/* One entry of spec.tls per Secret, with the hosts that share it. */}}
{{- define "pganalytics.ingressTls" -}}
{{- $hosts := dict -}}
{{- $secrets := list -}}
{{- range include "pganalytics.ingress.hosts" . | fromJsonArray -}}
{{- $secrets = append $secrets .secretName -}}
{{- $_ := set $hosts .secretName (append (default list (get $hosts .secretName)) .host) -}}
{{- end -}}
{{- range uniq $secrets }}
- secretName: {{ . | quote }}
  hosts: {{- toYaml (get $hosts .) | nindent 4 }}
{{- end }}
{{- end -}}
