{{/* One rule per host. */}}

{{- define "pganalytics.ingressRules" -}}
{{- range .Values.ingress.hosts }}
- host: {{ . | quote }}
  http:
    paths:
      - path: /
        pathType: Prefix
        backend:
          service:
            name: {{ include "pganalytics.fullname" $ }}-backend
            port:
              name: {{ include "pganalytics.scheme" $ | quote }}
{{- end }}
{{- end -}}
