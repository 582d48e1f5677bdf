{{/* Peers and rules of network policies. */}}

{{/* The load balancers' addresses that Google documents: https://cloud.google.com/load-balancing/docs/health-check-concepts#ip-ranges */}}
{{- define "pganalytics.googleRanges" -}}
{{- if and .Values.ingress.enabled (eq .Values.ingress.controller "gce") -}}
- ipBlock:
    cidr: 130.211.0.0/22
- ipBlock:
    cidr: 35.191.0.0/16
{{- end -}}
{{- end -}}

{{/* Whether Google's proxies are the only clients besides the release's pods, so that their headers can be trusted: "true" or nothing. */}}
{{- define "pganalytics.onlyGoogle" -}}
{{- if and (include "pganalytics.googleRanges" .) (not .Values.networkPolicy.backendFrom) (not (include "pganalytics.outside" .)) (eq (include "pganalytics.trustedProxy" .) "true") -}}true{{- end -}}
{{- end -}}

{{/*
The value that lets clients reach the backends from addresses that are not pods, and that the chart does not know; nothing if all clients are pods. Cloud
load balancers send requests to pods from their own subnets, and node ports forward requests from anywhere.
*/}}
{{- define "pganalytics.outside" -}}
{{- $i := .Values.ingress -}}
{{- if ne .Values.backend.service.type "ClusterIP" -}}
backend.service.type={{ .Values.backend.service.type }}
{{- else if and $i.enabled (has $i.controller (list "alb" "agic")) -}}
ingress.controller={{ $i.controller }}
{{- else if and $i.enabled (eq $i.controller "gce") (eq $i.className "gce-internal") -}}
ingress.className=gce-internal
{{- end -}}
{{- end -}}

{{/* One rule of what may be reached. Takes (list ports protocols peers). */}}
{{- define "pganalytics.egress" -}}
{{- $protocols := index . 1 -}}
- ports:
  {{- range $port := index . 0 }}
  {{- range $protocols }}
    - port: {{ int $port }}
      protocol: {{ . }}
  {{- end }}
  {{- end }}
  {{- with index . 2 }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Several rules, and the user's own. Rules without ports are left out. Takes (list (list (list JSON-ports peers) …) extra-rules). */}}
{{- define "pganalytics.egressRules" -}}
{{- range $rule := index . 0 }}
{{- with index $rule 0 | fromJsonArray }}
{{ include "pganalytics.egress" (list . (list "TCP") (index $rule 1)) }}
{{- end }}
{{- end }}
{{- with index . 1 }}
{{ toYaml . }}
{{- end }}
{{- end -}}
