{{/* Volumes of a backend's pod. Takes (list $ keeps-its-data). */}}
{{- define "pganalytics.backendVolumes" -}}
{{- $ := index . 0 -}}
{{- $keeps := index . 1 -}}
{{- $v := $.Values -}}
{{- $b := $v.backend -}}
- name: config
  configMap:
    name: {{ include "pganalytics.fullname" $ }}-backend
- name: tmp
  emptyDir:
    sizeLimit: {{ $b.scratch.sizeLimit }}
{{- if and $b.persistence.enabled $b.persistence.existingClaim (not (include "pganalytics.shared" $)) }}
- name: data
  persistentVolumeClaim:
    claimName: {{ $b.persistence.existingClaim | quote }}
{{- else if not $keeps }}
- name: data
  emptyDir:
    sizeLimit: {{ if include "pganalytics.shared" $ }}{{ $b.scratch.sizeLimit }}{{ else }}{{ $b.persistence.size }}{{ end }}
{{- end }}
- name: admin
  secret:
    secretName: {{ include "pganalytics.secret.admin" $ | quote }}
    defaultMode: 0440
{{- with include "pganalytics.secret.database" $ }}
- name: database
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- if or $v.redis.url $v.redis.urlKey }}
{{- with include "pganalytics.secret.redis" $ }}
- name: redis
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- end }}
{{- if $v.tls.enabled }}
- name: tls
  secret:
    secretName: {{ include "pganalytics.secret.tls" $ | quote }}
    defaultMode: 0440
{{- if ne $v.tls.clientAuth.mode "off" }}
- name: client-ca
  secret:
    secretName: {{ $v.tls.clientAuth.existingSecret | quote }}
    defaultMode: 0440
    # Only the certificate authorities: a Secret from cert-manager also contains a private key.
    items:
      - key: {{ $v.tls.clientAuth.caKey | quote }}
        path: {{ $v.tls.clientAuth.caKey | quote }}
{{- with $v.tls.clientAuth.crlKey }}
- name: client-crl
  secret:
    secretName: {{ default $v.tls.clientAuth.existingSecret $v.tls.clientAuth.crlSecret | quote }}
    defaultMode: 0440
    items:
      - key: {{ . | quote }}
        path: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- if include "pganalytics.enrols" $ }}
# Lets the backend's container call TokenReview at the API server. It has the files that Kubernetes would mount by itself.
- name: api-access
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          expirationSeconds: 3600
          path: token
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
{{- end }}
{{- if $v.store.persistence.enabled }}
- name: store
  persistentVolumeClaim:
    claimName: {{ default (printf "%s-store" (include "pganalytics.fullname" $)) $v.store.persistence.existingClaim | quote }}
{{- end }}
{{- if $v.views }}
- name: views
  configMap:
    name: {{ include "pganalytics.fullname" $ }}-views
{{- end }}
{{- with $b.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
