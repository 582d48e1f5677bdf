{{/* The bootstrap Job's arguments, Secrets and pod. */}}

{{/* The Secrets that the Job creates, as a JSON map from purpose to name: the admin's, and the tokens of collectors and Prometheus. */}}
{{- define "pganalytics.bootstrap.secrets" -}}
{{- $secrets := dict "admin" (include "pganalytics.secret.admin" .) -}}
{{- range list "collector" "monitoring" -}}
{{- if include (printf "pganalytics.makes.%s" .) $ -}}
{{- $_ := set $secrets . (include (printf "pganalytics.secret.%s" .) $) -}}
{{- end -}}
{{- end -}}
{{- toJson $secrets -}}
{{- end -}}

{{/* The Job's pod template, whole: the Job's name is its hash, because Kubernetes allows no change of the template. */}}
{{- define "pganalytics.bootstrap.template" -}}
{{- $v := .Values -}}
{{- $b := .Values.secrets.bootstrap -}}
{{- /* No label of the release: Argo CD would track the Secrets by that label, and prune them because no manifest contains them. */ -}}
{{- $secrets := include "pganalytics.bootstrap.secrets" . | fromJson -}}
{{- $args := list "kubernetes" "bootstrap" "--admin-secret" $secrets.admin "--admin-key" $v.backend.admin.passwordKey "--label" "app.kubernetes.io/part-of=pganalytics" -}}
{{- range $purpose, $key := dict "collector" $v.collector.token.key "monitoring" $v.monitoring.token.key -}}
{{- with get $secrets $purpose -}}
{{- $args = concat $args (list (printf "--%s-secret" $purpose) . (printf "--%s-key" $purpose) $key) -}}
{{- end -}}
{{- end -}}
{{- $asks := gt (len $secrets) 1 -}}
{{- $ca := and $asks $v.tls.enabled $v.tls.caKey -}}
{{- $client := and $asks (eq $v.tls.clientAuth.mode "required") $v.collector.backend.clientCertificateSecret -}}
metadata:
  labels: {{- include "pganalytics.podLabels" (list . "bootstrap") | nindent 4 }}
spec:
  restartPolicy: OnFailure
  serviceAccountName: {{ include "pganalytics.serviceAccount" (list . $b.serviceAccount "bootstrap") | quote }}
  # The Job calls the API server.
  automountServiceAccountToken: true
  enableServiceLinks: false
  {{- with include "pganalytics.pullSecrets" . }}
  {{- . | trim | nindent 2 }}
  {{- end }}
  {{- with include "pganalytics.securityContext" (list . $v.backend.podSecurityContext) | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with $v.backend.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.backend.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: bootstrap
      image: {{ include "pganalytics.image" (list . $v.backend.image) | quote }}
      imagePullPolicy: {{ $v.backend.image.pullPolicy }}
      args: {{- toYaml $args | nindent 8 }}
      {{- if $asks }}
      env:
        - name: PGANALYTICS_URL
          value: {{ include "pganalytics.scheme" . }}://{{ include "pganalytics.fullname" . }}-backend.{{ .Release.Namespace }}.svc:{{ $v.backend.service.port }}
        {{- if $ca }}
        - name: PGANALYTICS_CA_FILE
          value: /etc/pganalytics/ca/{{ $v.tls.caKey }}
        {{- end }}
        {{- if $client }}
        - name: PGANALYTICS_CERT_FILE
          value: /etc/pganalytics/client/tls.crt
        - name: PGANALYTICS_KEY_FILE
          value: /etc/pganalytics/client/tls.key
        {{- end }}
      {{- end }}
      {{- with include "pganalytics.securityContext" (list . $v.backend.containerSecurityContext) | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      resources: {{- toYaml $b.resources | nindent 8 }}
      {{- if or $ca $client }}
      volumeMounts:
        {{- if $ca }}
        - name: ca
          mountPath: /etc/pganalytics/ca
          readOnly: true
        {{- end }}
        {{- if $client }}
        - name: client
          mountPath: /etc/pganalytics/client
          readOnly: true
        {{- end }}
      {{- end }}
  {{- if or $ca $client }}
  volumes:
    {{- if $ca }}
    - name: ca
      secret:
        secretName: {{ include "pganalytics.secret.tls" . | quote }}
        defaultMode: 0440
        items:
          - key: {{ $v.tls.caKey | quote }}
            path: {{ $v.tls.caKey | quote }}
    {{- end }}
    {{- if $client }}
    - name: client
      secret:
        secretName: {{ $v.collector.backend.clientCertificateSecret | quote }}
        defaultMode: 0440
    {{- end }}
  {{- end }}
{{- end -}}
