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
{{- /* No label of the release: Argo CD would track the Secrets by that label, and prune them because no manifest contains them. The annotations keep them
from pruning also if something else adds such a label. */ -}}
{{- $secrets := include "pganalytics.bootstrap.secrets" . | fromJson -}}
{{- $args := list "kubernetes" "bootstrap" "--admin-secret" $secrets.admin "--admin-key" $v.backend.admin.passwordKey "--label" "app.kubernetes.io/part-of=pganalytics" "--annotation" "argocd.argoproj.io/sync-options=Prune=false" "--annotation" "helm.sh/resource-policy=keep" -}}
{{- range $purpose, $key := dict "collector" $v.collector.token.key "monitoring" $v.monitoring.token.key -}}
{{- with get $secrets $purpose -}}
{{- $args = concat $args (list (printf "--%s-secret" $purpose) . (printf "--%s-key" $purpose) $key) -}}
{{- end -}}
{{- end -}}
{{- $asks := gt (len $secrets) 1 -}}
metadata:
  labels: {{- include "pganalytics.podLabels" (list . "bootstrap" $v.backend.podLabels) | nindent 4 }}
  {{- with $v.backend.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  restartPolicy: OnFailure
  {{- /* The Job calls the API server, so its token is mounted. */}}
  {{- include "pganalytics.pod" (dict "root" $ "account" (include "pganalytics.serviceAccount" (list . $b.serviceAccount "bootstrap")) "token" true "security" $v.backend.podSecurityContext "settings" $v.backend) | nindent 2 }}
  containers:
    - name: bootstrap
      image: {{ include "pganalytics.image" (list . $v.backend.image) | quote }}
      imagePullPolicy: {{ $v.backend.image.pullPolicy }}
      args: {{- toYaml $args | nindent 8 }}
      {{- $env := printf "%s\n%s" (ternary (include "pganalytics.client.env" .) "" $asks) (include "pganalytics.env" $v.backend.extraEnv) | trim }}
      {{- with $env }}
      env: {{- . | nindent 8 }}
      {{- end }}
      {{- with $v.backend.extraEnvFrom }}
      envFrom: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- include "pganalytics.securityContext" (list . $v.backend.containerSecurityContext) | nindent 6 }}
      resources: {{- toYaml $b.resources | nindent 8 }}
      {{- $mounts := include "pganalytics.client.mounts" . | trim }}
      {{- if and $asks $mounts }}
      volumeMounts: {{- $mounts | nindent 8 }}
      {{- end }}
  {{- $volumes := include "pganalytics.client.volumes" . | trim }}
  {{- if and $asks $volumes }}
  volumes: {{- $volumes | nindent 4 }}
  {{- end }}
{{- end -}}
