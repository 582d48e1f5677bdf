{{/* The cloud whose identity the backends use for the object store: the value, or by the store's URL, unless a Secret has credentials or store.env has an
endpoint of another store. */}}
{{- define "pganalytics.cloud" -}}
{{- if .Values.cloud -}}
{{- .Values.cloud -}}
{{- else if not (or (include "pganalytics.secret.store" .) (regexMatch "\"https?://" (toRawJson .Values.store.env))) -}}
{{- get (dict "s3" "aws" "gs" "gcp" "az" "azure") (regexFind "^[a-z0-9]+" .Values.store.url) -}}
{{- end -}}
{{- end -}}

{{/* What a cloud's identity reaches, as rules of a network policy. */}}
{{- define "pganalytics.cloudEgress" -}}
{{- $cloud := include "pganalytics.cloud" . -}}
{{- if eq $cloud "aws" }}
# EKS Pod Identity's agent on the node. IRSA exchanges its token at STS.
- ports:
    - port: 80
      protocol: TCP
  to:
    - ipBlock:
        cidr: 169.254.170.23/32
    - ipBlock:
        cidr: fd00:ec2::23/128
{{- else if eq $cloud "gcp" }}
# GKE's metadata server: 169.254.169.254:80 with Dataplane V2, 169.254.169.252:988 otherwise. Dataplane V2 may also see the node's own address.
- ports:
    - port: 80
      protocol: TCP
  to:
    - ipBlock:
        cidr: 169.254.169.254/32
- ports:
    - port: 988
      protocol: TCP
{{- else if eq $cloud "azure" }}
# Azure's metadata server, for managed identities. Workload identity exchanges its token at login.microsoftonline.com.
- ports:
    - port: 80
      protocol: TCP
  to:
    - ipBlock:
        cidr: 169.254.169.254/32
{{- end }}
{{- if has $cloud (list "aws" "gcp" "azure") }}
# The cloud's token endpoint.
{{ include "pganalytics.egress" (list (list 443) (list "TCP") .Values.networkPolicy.identityTo) }}
{{- end }}
{{- end -}}
