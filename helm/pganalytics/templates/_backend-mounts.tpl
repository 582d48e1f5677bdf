{{/* Volume mounts of the backend's containers. */}}

{{/* Takes (list $ Secret-of-the-database serves). */}}
{{- define "pganalytics.backendMounts" -}}
{{- $v := (index . 0).Values -}}
- name: config
  mountPath: /etc/pganalytics/config
  readOnly: true
- name: data
  mountPath: /var/lib/pganalytics
- name: tmp
  mountPath: /tmp
{{- if index . 1 }}
- name: database
  mountPath: /etc/pganalytics/database
  readOnly: true
{{- end }}
{{- if and (or $v.redis.url $v.redis.urlKey) (include "pganalytics.secret.redis" (index . 0)) }}
- name: redis
  mountPath: /etc/pganalytics/redis
  readOnly: true
{{- end }}
{{- if $v.store.persistence.enabled }}
- name: store
  mountPath: /var/lib/pganalytics-store
{{- end }}
{{- if $v.views }}
- name: views
  mountPath: /etc/pganalytics/views
  readOnly: true
{{- end }}
{{- if index . 2 }}
- name: admin
  mountPath: /etc/pganalytics/admin
  readOnly: true
{{- if include "pganalytics.enrols" (index . 0) }}
- name: api-access
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- end }}
{{- if $v.tls.enabled }}
# Mounted as folders, so that renewed certificates and revocation lists arrive without a restart.
- name: tls
  mountPath: /etc/pganalytics/tls
  readOnly: true
{{- if ne $v.tls.clientAuth.mode "off" }}
- name: client-ca
  mountPath: /etc/pganalytics/client-ca
  readOnly: true
{{- if $v.tls.clientAuth.crlKey }}
- name: client-crl
  mountPath: /etc/pganalytics/client-crl
  readOnly: true
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- with $v.backend.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}
