{{/* The collector pods' volumes. */}}

{{/* All volumes except the spool. Takes (list $ name-of-the-ConfigMap on-each-node). */}}
{{- define "pganalytics.collectorVolumes" -}}
{{- $ := index . 0 -}}
{{- $v := $.Values -}}
{{- $c := $v.collector -}}
- name: config
  configMap:
    name: {{ index . 1 | quote }}
- name: token
  {{- if eq $c.enrolment.method "serviceAccount" }}
  # Valid for the backends only, and for one hour.
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          audience: pganalytics-backend
          expirationSeconds: 3600
          path: token
  {{- else }}
  secret:
    secretName: {{ include "pganalytics.secret.collector" $ | quote }}
    defaultMode: 0440
  {{- end }}
{{- with include "pganalytics.caSecret" $ }}
- name: ca
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
    # Only the certificate authority, not the backends' private key.
    items:
      - key: {{ $v.tls.caKey | quote }}
        path: {{ $v.tls.caKey | quote }}
{{- end }}
{{- with $c.backend.clientCertificateSecret }}
- name: client
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- if $c.tls.enabled }}
- name: tls
  secret:
    secretName: {{ include "pganalytics.secret.collectorTls" $ | quote }}
    defaultMode: 0440
{{- with $c.tls.clientAuth.existingSecret }}
- name: client-ca
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
    # Only the certificate authorities: a Secret from cert-manager also contains a private key.
    items:
      - key: {{ $c.tls.clientAuth.caKey | quote }}
        path: {{ $c.tls.clientAuth.caKey | quote }}
{{- with $c.tls.clientAuth.crlKey }}
- name: client-crl
  secret:
    secretName: {{ default $c.tls.clientAuth.existingSecret $c.tls.clientAuth.crlSecret | quote }}
    defaultMode: 0440
    items:
      - key: {{ . | quote }}
        path: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- if not (index . 2) }}
{{- range $i, $target := $c.targets }}
{{- with $target.existingSecret }}
- name: target-{{ $i }}
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- end }}
{{- end }}
{{- if index . 2 }}
{{- with include "pganalytics.secret.credentials" $ }}
- name: credentials
  secret:
    secretName: {{ . | quote }}
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
    secretName: {{ . | quote }}
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
