{{/* What collectors authenticate with at the backends. */}}
{{- define "pganalytics.validate.tokens" -}}
{{- $v := .Values -}}
{{- $c := $v.collector -}}
{{- $external := and $v.externalSecrets.enabled $v.externalSecrets.keys.collector -}}
{{- if eq $c.enrolment.method "token" }}
{{- $how := "create one with `pganalytics token create NAME --kind collector`, put it into a Secret, and set collector.token.existingSecret" }}
{{- if not (include "pganalytics.secret.collector" .) }}
{{- if include "pganalytics.remote" . }}
collector.targets needs a token, and nothing creates one (secrets.bootstrap.enabled or backend.enabled is false): {{ $how }}
{{- end }}
{{- if $c.discovery.enabled }}
collector.discovery needs a token, and nothing creates one (secrets.bootstrap.enabled or backend.enabled is false): {{ $how }}
{{- end }}
{{- end }}
{{- if and $c.backend.url $v.backend.enabled (include "pganalytics.collects" .) (not $c.token.existingSecret) (not $external) }}
collector.backend.url names another backend than this release's, and that backend accepts only its own tokens: there, {{ $how }}
{{- end }}
{{- else }}
{{- if or $c.token.existingSecret $external }}
collector.enrolment.method=serviceAccount needs no token: leave collector.token.existingSecret and externalSecrets.keys.collector empty, or set the method to token
{{- end }}
{{- if and (include "pganalytics.collects" .) (hasSuffix "/default" (include "pganalytics.collectorAccount" .)) }}
collector.enrolment.method=serviceAccount with the ServiceAccount 'default' would let every pod of the namespace enrol: set collector.serviceAccount.create=true, or collector.serviceAccount.name
{{- end }}
{{- end }}
{{- end -}}
