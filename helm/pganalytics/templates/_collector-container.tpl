{{/* The collector's container and its mounts. */}}

{{/* Takes (list $ resources field-with-the-collector's-name on-each-node). */}}
{{- define "pganalytics.collectorContainer" -}}
{{- $ := index . 0 -}}
{{- $v := $.Values -}}
{{- $c := $v.collector -}}
{{- $credentials := include "pganalytics.secret.credentials" $ -}}
- name: collector
  image: {{ include "pganalytics.image" (list $ $c.image) | quote }}
  imagePullPolicy: {{ $c.image.pullPolicy }}
  args: [run]
  {{- with include "pganalytics.securityContext" (list $ $c.containerSecurityContext) | trim }}
  {{- . | nindent 2 }}
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
      value: {{ $c.logFormat | quote }}
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
          name: {{ . | quote }}
          key: {{ $c.credentials.usernameKey | quote }}
    {{- end }}
    - name: PGPASSWORD
      valueFrom:
        secretKeyRef:
          name: {{ . | quote }}
          key: {{ $c.credentials.passwordKey | quote }}
    {{- end }}
    {{- if $c.services.existingSecret }}
    - name: PGSERVICEFILE
      value: /etc/pganalytics/services/pg_service.conf
    {{- end }}
    {{- with include "pganalytics.env" $c.extraEnv }}
    {{- . | nindent 4 }}
    {{- end }}
  {{- with $c.extraEnvFrom }}
  envFrom: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- include "pganalytics.probes" (list $c.probes (upper (include "pganalytics.metricsScheme" $)) "metrics" false) | trim | nindent 2 }}
  resources: {{- toYaml (index . 1) | nindent 4 }}
  volumeMounts:
    - name: config
      mountPath: /etc/pganalytics/config
      readOnly: true
    - name: spool
      mountPath: /var/lib/pganalytics-collector
    # Mounted as folders, so that renewed files arrive without a restart.
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
