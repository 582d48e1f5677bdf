{{/* What the collectors of the DaemonSet and those of the Deployment share. */}}

{{/* Whether targets are read by the Deployment: "true" or nothing. */}}
{{- define "pganalytics.remote" -}}
{{- if and .Values.collector.deployment.enabled .Values.collector.targets -}}true{{- end -}}
{{- end -}}

{{/* Whether there is any collector: "true" or nothing. */}}
{{- define "pganalytics.collects" -}}
{{- if or .Values.collector.discovery.enabled (include "pganalytics.remote" .) -}}true{{- end -}}
{{- end -}}

{{/* The part of collector.toml that all collectors share. */}}
{{- define "pganalytics.collectorToml" -}}
{{- $v := .Values -}}
{{- $c := .Values.collector -}}
[backend]
url = {{ include "pganalytics.backendUrl" . | toRawJson }}
{{- if eq $c.enrolment.method "serviceAccount" }}
enrolment_token_file = "/etc/pganalytics/token/token"
{{- else }}
token_file = {{ printf "/etc/pganalytics/token/%s" $c.token.key | toRawJson }}
{{- end }}
{{- if include "pganalytics.caSecret" . }}
ca_file = {{ printf "/etc/pganalytics/ca/%s" $v.tls.caKey | toRawJson }}
{{- end }}
{{- if $c.backend.clientCertificateSecret }}
cert_file = "/etc/pganalytics/client/tls.crt"
key_file = "/etc/pganalytics/client/tls.key"
{{- end }}
{{- if ne (toString $v.tls.minVersion) "1.3" }}
tls_min_version = {{ toString $v.tls.minVersion | toRawJson }}
{{- end }}

[spool]
folder = "/var/lib/pganalytics-collector"
max_bytes = {{ $c.spool.maxBytes | toRawJson }}

[collector]
listen = "0.0.0.0:{{ $c.service.port }}"
{{- if $c.tls.enabled }}
tls_cert = "/etc/pganalytics/tls/tls.crt"
tls_key = "/etc/pganalytics/tls/tls.key"
{{- if ne (toString $v.tls.minVersion) "1.3" }}
tls_min_version = {{ toString $v.tls.minVersion | toRawJson }}
{{- end }}
{{- if $c.tls.clientAuth.existingSecret }}
tls_client_ca = {{ printf "/etc/pganalytics/client-ca/%s" $c.tls.clientAuth.caKey | toRawJson }}
{{- with $c.tls.clientAuth.crlKey }}
tls_client_crl = {{ printf "/etc/pganalytics/client-crl/%s" . | toRawJson }}
{{- end }}
# Who reads /metrics shows a certificate; a kubelet that probes has none.
tls_client_auth = "optional"
{{- end }}
{{- else }}
# Its own metrics and health: nothing of them is a secret, and the network policy says who may read them.
plain_http = true
{{- end }}
flush = {{ $c.flush | toRawJson }}
{{- if $v.views }}
views = "/etc/pganalytics/views"
{{- end }}
{{- range $view, $settings := $c.viewSettings }}

[view.{{ $view }}]
{{- include "pganalytics.toml" $settings }}
{{- end }}
{{- end -}}

{{/* Where a target is: its connection string, completed from the service file in its Secret, unless that has plain keys. Takes (list index target). */}}
{{- define "pganalytics.conninfo" -}}
{{- $target := index . 1 -}}
{{- $conninfo := $target.conninfo -}}
{{- $service := list (printf "service=%s" $target.name) (printf "servicefile=/etc/pganalytics/targets/%d/pg_service.conf" (index . 0)) -}}
{{- if or (not $target.existingSecret) $target.passwordKey -}}
{{- $conninfo -}}
{{- else if contains "://" $conninfo -}}
{{- printf "%s%s%s" $conninfo (ternary "&" "?" (contains "?" $conninfo)) (join "&" $service) -}}
{{- else -}}
{{- printf "%s %s" $conninfo (join " " $service) -}}
{{- end -}}
{{- end -}}

{{/* The file that a key of a target's Secret is; nothing where there is no key. Takes (list index key). */}}
{{- define "pganalytics.targetFile" -}}
{{- with index . 1 -}}{{- printf "/etc/pganalytics/targets/%d/%s" (index $ 0) . -}}{{- end -}}
{{- end -}}

{{/* The table [kubernetes]. */}}
{{- define "pganalytics.kubernetesToml" -}}
{{- $d := .Values.collector.discovery -}}
[kubernetes]
enabled = true
{{- if not $d.allNamespaces }}
namespaces = {{ $d.namespaces | toRawJson }}
{{- end }}
secrets = {{ gt (len $d.secrets) 0 }}
{{- if include "pganalytics.secret.credentials" . }}
password_file = {{ printf "/etc/pganalytics/credentials/%s" .Values.collector.credentials.passwordKey | toRawJson }}
{{- end }}
database = {{ $d.database | toRawJson }}
{{- with $d.sslmode }}
sslmode = {{ . | toRawJson }}
{{- end }}
databases = {{ $d.databases | toRawJson }}
{{- with $d.excludeDatabases }}
exclude_databases = {{ . | toRawJson }}
{{- end }}
{{- if $d.logs }}
logs = true
{{- end }}
{{- if $d.hostPaths.cgroups }}
cgroups = "/host/sys/fs/cgroup"
{{- end }}
{{- if $d.hostPaths.volumes }}
volumes = "/host/var/lib/kubelet/pods"
{{- end }}
{{- end -}}

{{/* The pod's parts that come before its containers. Takes (list $ settings discovers). */}}
{{- define "pganalytics.collectorPod" -}}
{{- $ := index . 0 -}}
{{- $s := index . 1 -}}
{{- $c := $.Values.collector -}}
serviceAccountName: {{ include "pganalytics.serviceAccount" (list $ $c.serviceAccount "collector") }}
automountServiceAccountToken: {{ index . 2 }}
enableServiceLinks: false
{{- include "pganalytics.pullSecrets" $ }}
{{- with $s.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
terminationGracePeriodSeconds: {{ $c.terminationGracePeriodSeconds }}
{{- with $c.podSecurityContext }}
securityContext: {{- toYaml . | nindent 2 }}
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

{{/* The container. Takes (list $ resources field-of-its-name on-each-node). */}}
{{- define "pganalytics.collectorContainer" -}}
{{- $ := index . 0 -}}
{{- $v := $.Values -}}
{{- $c := $v.collector -}}
{{- $credentials := include "pganalytics.secret.credentials" $ -}}
- name: collector
  image: {{ include "pganalytics.image" (list $ $c.image) }}
  imagePullPolicy: {{ $c.image.pullPolicy }}
  args: [run]
  {{- with $c.containerSecurityContext }}
  securityContext: {{- toYaml . | nindent 4 }}
  {{- end }}
  ports:
    - name: metrics
      containerPort: {{ $c.service.port }}
      protocol: TCP
  env:
    - name: PGANALYTICS_CONFIG
      value: /etc/pganalytics/config/collector.toml
    - name: PGANALYTICS_COLLECTOR_NAME
      valueFrom:
        fieldRef:
          fieldPath: {{ index . 2 }}
    - name: PGANALYTICS_LOG
      value: {{ $c.logLevel | quote }}
    - name: PGANALYTICS_LOG_FORMAT
      value: {{ $c.logFormat }}
    {{- if index . 3 }}
    - name: PGANALYTICS_KUBERNETES_NODE
      valueFrom:
        fieldRef:
          fieldPath: spec.nodeName
    {{- end }}
    {{- with $credentials }}
    {{- if $c.credentials.usernameKey }}
    - name: PGUSER
      valueFrom:
        secretKeyRef:
          name: {{ . }}
          key: {{ $c.credentials.usernameKey }}
    {{- end }}
    - name: PGPASSWORD
      valueFrom:
        secretKeyRef:
          name: {{ . }}
          key: {{ $c.credentials.passwordKey }}
    {{- end }}
    {{- if $c.services.existingSecret }}
    - name: PGSERVICEFILE
      value: /etc/pganalytics/services/pg_service.conf
    {{- end }}
    {{- with $c.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- include "pganalytics.probes" (list $c.probes (upper (include "pganalytics.metricsScheme" $)) "metrics" false) | trim | nindent 2 }}
  resources: {{- toYaml (index . 1) | nindent 4 }}
  volumeMounts:
    - name: config
      mountPath: /etc/pganalytics/config
      readOnly: true
    - name: spool
      mountPath: /var/lib/pganalytics-collector
    # As folders, so that what is renewed arrives without a restart.
    - name: token
      mountPath: /etc/pganalytics/token
      readOnly: true
    {{- if include "pganalytics.caSecret" $ }}
    - name: ca
      mountPath: /etc/pganalytics/ca
      readOnly: true
    {{- end }}
    {{- if $c.backend.clientCertificateSecret }}
    - name: client
      mountPath: /etc/pganalytics/client
      readOnly: true
    {{- end }}
    {{- if and $credentials (index . 3) }}
    - name: credentials
      mountPath: /etc/pganalytics/credentials
      readOnly: true
    {{- end }}
    {{- if $c.tls.enabled }}
    - name: tls
      mountPath: /etc/pganalytics/tls
      readOnly: true
    {{- if $c.tls.clientAuth.existingSecret }}
    - name: client-ca
      mountPath: /etc/pganalytics/client-ca
      readOnly: true
    {{- if $c.tls.clientAuth.crlKey }}
    - name: client-crl
      mountPath: /etc/pganalytics/client-crl
      readOnly: true
    {{- end }}
    {{- end }}
    {{- end }}
    {{- if not (index . 3) }}
    {{- range $i, $target := $c.targets }}
    {{- if $target.existingSecret }}
    - name: target-{{ $i }}
      mountPath: /etc/pganalytics/targets/{{ $i }}
      readOnly: true
    {{- end }}
    {{- end }}
    {{- end }}
    {{- if index . 3 }}
    {{- if $c.discovery.hostPaths.cgroups }}
    - name: cgroups
      mountPath: /host/sys/fs/cgroup
      readOnly: true
    {{- end }}
    {{- if $c.discovery.hostPaths.volumes }}
    - name: volumes
      mountPath: /host/var/lib/kubelet/pods
      mountPropagation: HostToContainer
      readOnly: true
    {{- end }}
    {{- end }}
    {{- if $c.services.existingSecret }}
    - name: services
      mountPath: /etc/pganalytics/services
      readOnly: true
    {{- end }}
    {{- if $v.views }}
    - name: views
      mountPath: /etc/pganalytics/views
      readOnly: true
    {{- end }}
    {{- with $c.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* Volumes but the spool's. Takes (list $ name-of-its-ConfigMap on-each-node). */}}
{{- define "pganalytics.collectorVolumes" -}}
{{- $ := index . 0 -}}
{{- $v := $.Values -}}
{{- $c := $v.collector -}}
- name: config
  configMap:
    name: {{ index . 1 }}
- name: token
  {{- if eq $c.enrolment.method "serviceAccount" }}
  # Good for the backends alone, and for an hour.
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          audience: pganalytics-backend
          expirationSeconds: 3600
          path: token
  {{- else }}
  secret:
    secretName: {{ include "pganalytics.secret.collector" $ }}
    defaultMode: 0440
  {{- end }}
{{- with include "pganalytics.caSecret" $ }}
- name: ca
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    # The authority alone: the backends' key is none of the collectors' business.
    items:
      - key: {{ $v.tls.caKey }}
        path: {{ $v.tls.caKey }}
{{- end }}
{{- with $c.backend.clientCertificateSecret }}
- name: client
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- if $c.tls.enabled }}
- name: tls
  secret:
    secretName: {{ include "pganalytics.secret.collectorTls" $ }}
    defaultMode: 0440
{{- with $c.tls.clientAuth.existingSecret }}
- name: client-ca
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    # The authorities alone: where cert-manager made the Secret, it holds a key too.
    items:
      - key: {{ $c.tls.clientAuth.caKey }}
        path: {{ $c.tls.clientAuth.caKey }}
{{- with $c.tls.clientAuth.crlKey }}
- name: client-crl
  secret:
    secretName: {{ default $c.tls.clientAuth.existingSecret $c.tls.clientAuth.crlSecret }}
    defaultMode: 0440
    items:
      - key: {{ . }}
        path: {{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- if not (index . 2) }}
{{- range $i, $target := $c.targets }}
{{- with $target.existingSecret }}
- name: target-{{ $i }}
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end }}
{{- end }}
{{- if index . 2 }}
{{- with include "pganalytics.secret.credentials" $ }}
- name: credentials
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end }}
{{- if index . 2 }}
{{- if $c.discovery.hostPaths.cgroups }}
- name: cgroups
  hostPath:
    path: /sys/fs/cgroup
    type: Directory
{{- end }}
{{- if $c.discovery.hostPaths.volumes }}
- name: volumes
  hostPath:
    path: /var/lib/kubelet/pods
    type: Directory
{{- end }}
{{- end }}
{{- with $c.services.existingSecret }}
- name: services
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- if $v.views }}
- name: views
  configMap:
    name: {{ include "pganalytics.fullname" $ }}-views
{{- end }}
{{- with $c.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
