{{/*
Values that are newer than the chart's first version, with the defaults of values.yaml. `helm upgrade --reuse-values` takes the values of the installed
version, which lack them. Each template begins with `pganalytics.defaults`, which adds absent values and renders the templates in values. A check compares this list with values.yaml.
*/}}
{{- define "pganalytics.newer" -}}
cloud: ""
openshift: auto
namespaceOverride: ""
rbac:
  create: true
global:
  storageClass: ""
enabled: true
redis:
  url: ""
  existingSecret: ""
  passwordKey: password
  urlKey: ""
  caKey: ""
tls:
  clientAuth:
    crlKey: ""
    crlSecret: ""
backend:
  enrolment:
    serviceAccounts: []
  persistence:
    existingClaim: ""
  config:
    auditStatements: false
collector:
  enrolment:
    method: token
  extraEnvFrom: []
  extraInitContainers: []
  extraContainers: []
  discovery:
    database: postgres
    sslmode: ""
    databases:
    - "*"
    excludeDatabases: []
    hostPaths:
      cgroups: false
      volumes: false
  tls:
    enabled: false
    existingSecret: ""
    caKey: ca.crt
    clientAuth:
      existingSecret: ""
      caKey: ca.crt
      crlKey: ""
      crlSecret: ""
    certManager:
      enabled: false
networkPolicy:
  dnsPorts:
  - 53
  - 5353
  redisPorts: []
  redisTo: []
  identityTo: []
monitoring:
  serviceMonitor:
    namespace: ""
  podMonitor:
    namespace: ""
    clientCertificateSecret: ""
  prometheusRule:
    namespace: ""
externalSecrets:
  keys:
    redis: ""
{{- end -}}

{{- define "pganalytics.defaults" -}}
{{- include "pganalytics.fill" (list .Values (include "pganalytics.newer" . | fromYaml)) -}}
{{- include "pganalytics.templates" . -}}
{{- end -}}

{{/* Adds absent keys to a map, in place. Takes (list map defaults). */}}
{{- define "pganalytics.fill" -}}
{{- $map := index . 0 -}}
{{- range $key, $default := index . 1 -}}
{{- if not (hasKey $map $key) -}}
{{- $_ := set $map $key $default -}}
{{- else if and (kindIs "map" $default) (kindIs "map" (get $map $key)) -}}
{{- include "pganalytics.fill" (list (get $map $key) $default) -}}
{{- end -}}
{{- end -}}
{{- end -}}
