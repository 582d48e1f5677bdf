{{/* The parts that all pods have: scheduling, security, accounts, and the user's environment variables. */}}

{{/*
A pod's fields before the containers. Takes a map: root, account, token (whether the account's token is mounted), security (the pod's security context), settings (a map with
priorityClassName, runtimeClassName, nodeSelector, tolerations and affinity), and optionally grace and spread, which is (list constraints component).
*/}}
{{- define "pganalytics.pod" -}}
{{- $ := .root -}}
{{- $s := .settings -}}
{{- with .account -}}
serviceAccountName: {{ . | quote }}
{{ end -}}
automountServiceAccountToken: {{ .token }}
# Otherwise pods would read the variables that Kubernetes derives from Services, such as PGANALYTICS_BACKEND_PORT, as settings.
enableServiceLinks: false
{{- include "pganalytics.pullSecrets" $ }}
{{- with $s.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $s.runtimeClassName }}
runtimeClassName: {{ . | quote }}
{{- end }}
{{- with .grace }}
terminationGracePeriodSeconds: {{ . }}
{{- end }}
{{- include "pganalytics.securityContext" (list $ .security) }}
{{- with .spread }}
{{- $component := index . 1 }}
{{- with index . 0 }}
topologySpreadConstraints:
  {{- range . }}
  -
    {{- toYaml . | nindent 4 }}
    {{- if not (hasKey . "labelSelector") }}
    labelSelector:
      matchLabels: {{- include "pganalytics.selector" (list $ $component) | nindent 8 }}
    {{- end }}
  {{- end }}
{{- end }}
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

{{/* The user's environment variables. Numbers and booleans become strings, which Kubernetes requires. Takes the list. */}}
{{- define "pganalytics.env" -}}
{{- $env := list -}}
{{- range . -}}
{{- $value := .value -}}
{{- if kindIs "float64" $value -}}
{{- $value = ternary (int64 $value | toString) (toString $value) (eq (floor $value) $value) -}}
{{- end -}}
{{- $env = append $env (ternary (dict "name" .name "value" (toString $value)) . (hasKey . "value")) -}}
{{- end -}}
{{- with $env -}}{{- toYaml . -}}{{- end -}}
{{- end -}}

{{/*
How the bootstrap Job and the test pod reach the backends: the environment variables, the mounts and the volumes of certificates, and the user's variables. Each is a
list as YAML, or nothing.
*/}}
{{- define "pganalytics.client.env" -}}
- name: PGANALYTICS_URL
  value: {{ printf "%s://%s-backend.%s.svc:%d" (include "pganalytics.scheme" .) (include "pganalytics.fullname" .) (include "pganalytics.namespace" .) (int .Values.backend.service.port) | quote }}
{{- if and .Values.tls.enabled .Values.tls.caKey }}
- name: PGANALYTICS_CA_FILE
  value: {{ printf "/etc/pganalytics/ca/%s" .Values.tls.caKey | quote }}
{{- end }}
{{- if include "pganalytics.client.certificate" . }}
- name: PGANALYTICS_CERT_FILE
  value: /etc/pganalytics/client/tls.crt
- name: PGANALYTICS_KEY_FILE
  value: /etc/pganalytics/client/tls.key
{{- end }}
{{- end -}}

{{/* The Secret with the certificate that clients must present, or nothing. */}}
{{- define "pganalytics.client.certificate" -}}
{{- if and .Values.tls.enabled (eq .Values.tls.clientAuth.mode "required") -}}{{- .Values.collector.backend.clientCertificateSecret -}}{{- end -}}
{{- end -}}

{{- define "pganalytics.client.mounts" -}}
{{- if and .Values.tls.enabled .Values.tls.caKey }}
- name: ca
  mountPath: /etc/pganalytics/ca
  readOnly: true
{{- end }}
{{- if include "pganalytics.client.certificate" . }}
- name: client
  mountPath: /etc/pganalytics/client
  readOnly: true
{{- end }}
{{- end -}}

{{- define "pganalytics.client.volumes" -}}
{{- if and .Values.tls.enabled .Values.tls.caKey }}
- name: ca
  secret:
    secretName: {{ include "pganalytics.secret.tls" . | quote }}
    defaultMode: 0440
    items:
      - key: {{ .Values.tls.caKey | quote }}
        path: {{ .Values.tls.caKey | quote }}
{{- end }}
{{- with include "pganalytics.client.certificate" . }}
- name: client
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- end -}}
