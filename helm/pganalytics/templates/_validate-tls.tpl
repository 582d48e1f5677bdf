{{/* Certificates of backends and collectors, and the certificates that their clients present. */}}
{{- define "pganalytics.validate.tls" -}}
{{- $v := .Values -}}
{{- $t := $v.tls -}}
{{- $c := $v.collector.tls -}}
{{- if $v.backend.enabled }}
{{- if and $t.enabled (not $t.existingSecret) (not $t.certManager.enabled) }}
tls.enabled needs a certificate: set tls.existingSecret, or tls.certManager.enabled=true with its issuerRef
{{- end }}
{{- if and $t.certManager.enabled (not $t.certManager.issuerRef.name) }}
tls.certManager.enabled needs an issuer: set tls.certManager.issuerRef.name
{{- end }}
{{- if and (ne $t.clientAuth.mode "off") (not $t.enabled) }}
tls.clientAuth.mode needs TLS: set tls.enabled=true
{{- end }}
{{- if and (ne $t.clientAuth.mode "off") (not $t.clientAuth.existingSecret) }}
tls.clientAuth.mode needs the certificate authorities of clients: set tls.clientAuth.existingSecret
{{- end }}
{{- if and (eq $t.clientAuth.mode "off") (or $t.clientAuth.crlKey $t.clientAuth.crlSecret) }}
tls.clientAuth.crlKey and crlSecret have no effect, because backends ask for no client certificate: set tls.clientAuth.mode and tls.clientAuth.existingSecret
{{- else if and $t.clientAuth.crlSecret (not $t.clientAuth.crlKey) }}
tls.clientAuth.crlSecret names a Secret without a key, so backends would read no revocation list: set tls.clientAuth.crlKey
{{- end }}
{{- end }}
{{- if and $c.enabled (include "pganalytics.collects" .) }}
{{- if and (not $c.existingSecret) (not $c.certManager.enabled) }}
collector.tls.enabled needs a certificate: set collector.tls.existingSecret, or collector.tls.certManager.enabled=true with tls.certManager.issuerRef
{{- end }}
{{- if and $c.certManager.enabled (not $t.certManager.issuerRef.name) }}
collector.tls.certManager.enabled needs an issuer: set tls.certManager.issuerRef.name
{{- end }}
{{- if and $c.clientAuth.existingSecret (include "pganalytics.podMonitor" .) (not $v.monitoring.podMonitor.clientCertificateSecret) }}
collector.tls.clientAuth requires a certificate of Prometheus, but the PodMonitor names none: set monitoring.podMonitor.clientCertificateSecret
{{- end }}
{{- else if and $c.clientAuth.existingSecret (not $c.enabled) }}
collector.tls.clientAuth needs TLS: set collector.tls.enabled=true
{{- end }}
{{- if and (not $c.clientAuth.existingSecret) (or $c.clientAuth.crlKey $c.clientAuth.crlSecret) }}
collector.tls.clientAuth.crlKey and crlSecret have no effect, because collectors ask for no client certificate: set collector.tls.clientAuth.existingSecret
{{- else if and $c.clientAuth.crlSecret (not $c.clientAuth.crlKey) }}
collector.tls.clientAuth.crlSecret names a Secret without a key, so collectors would read no revocation list: set collector.tls.clientAuth.crlKey
{{- end }}
{{- end -}}
