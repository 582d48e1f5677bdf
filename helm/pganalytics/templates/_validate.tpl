{{/* What values.schema.json cannot say: values that do not go together. Each answer names the values and the remedy. */}}
{{- define "pganalytics.validate" -}}
{{- $v := .Values -}}
{{- $wrong := list -}}
{{- $shared := include "pganalytics.shared" . -}}
{{- $several := include "pganalytics.several" . -}}
{{- $byToken := eq $v.collector.enrolment.method "token" -}}
{{- if $v.backend.enabled -}}
  {{- if and (or $several $v.backend.autoscaling.enabled) (not $shared) -}}
    {{- $wrong = append $wrong "backend.replicas and backend.autoscaling: several backends share a PostgreSQL; set database.url and database.existingSecret, or backend.replicas=1" -}}
  {{- end -}}
  {{- if and $v.database.url $v.database.urlKey -}}
    {{- $wrong = append $wrong "database.url and database.urlKey are both set: leave one of them empty" -}}
  {{- end -}}
  {{- if and $v.database.urlKey (not (include "pganalytics.secret.database" .)) -}}
    {{- $wrong = append $wrong "database.urlKey names a key of a Secret, and there is none: set database.existingSecret" -}}
  {{- end -}}
  {{- if and $v.redis.url $v.redis.urlKey -}}
    {{- $wrong = append $wrong "redis.url and redis.urlKey are both set: leave one of them empty" -}}
  {{- end -}}
  {{- if and (or $v.redis.urlKey $v.redis.caKey) (not (include "pganalytics.secret.redis" .)) -}}
    {{- $wrong = append $wrong "redis.urlKey and redis.caKey name keys of a Secret, and there is none: set redis.existingSecret" -}}
  {{- end -}}
  {{- if and (eq $v.store.url "database") (not $shared) -}}
    {{- $wrong = append $wrong "store.url=database puts the history into the shared PostgreSQL, and there is none: set database.url" -}}
  {{- end -}}
  {{- if and $several (hasPrefix "file://" $v.store.url) (not $v.store.persistence.enabled) (not $v.backend.extraVolumeMounts) -}}
    {{- $wrong = append $wrong "store.url=file://… with several backends needs a volume that all of them share: set store.persistence.enabled=true, or mount one with backend.extraVolumes" -}}
  {{- end -}}
  {{- if and (hasPrefix "file://" $v.store.url) $v.store.persistence.enabled (not (hasPrefix "file:///var/lib/pganalytics-store" $v.store.url)) -}}
    {{- $wrong = append $wrong "store.persistence is mounted at /var/lib/pganalytics-store: set store.url=file:///var/lib/pganalytics-store" -}}
  {{- end -}}
  {{- if and $v.tls.enabled (not $v.tls.existingSecret) (not $v.tls.certManager.enabled) -}}
    {{- $wrong = append $wrong "tls.enabled needs a certificate: set tls.existingSecret, or tls.certManager.enabled=true with its issuerRef" -}}
  {{- end -}}
  {{- if and $v.tls.certManager.enabled (not $v.tls.certManager.issuerRef.name) -}}
    {{- $wrong = append $wrong "tls.certManager.enabled needs an issuer: set tls.certManager.issuerRef.name" -}}
  {{- end -}}
  {{- if and (ne $v.tls.clientAuth.mode "off") (not $v.tls.enabled) -}}
    {{- $wrong = append $wrong "tls.clientAuth.mode needs TLS: set tls.enabled=true" -}}
  {{- end -}}
  {{- if and (ne $v.tls.clientAuth.mode "off") (not $v.tls.clientAuth.existingSecret) -}}
    {{- $wrong = append $wrong "tls.clientAuth.mode needs the authorities of clients: set tls.clientAuth.existingSecret" -}}
  {{- end -}}
  {{- if and (eq $v.tls.clientAuth.mode "off") (or $v.tls.clientAuth.crlKey $v.tls.clientAuth.crlSecret) -}}
    {{- $wrong = append $wrong "tls.clientAuth.crlKey and crlSecret are about certificates that nobody is asked for: set tls.clientAuth.mode and tls.clientAuth.existingSecret" -}}
  {{- else if and $v.tls.clientAuth.crlSecret (not $v.tls.clientAuth.crlKey) -}}
    {{- $wrong = append $wrong "tls.clientAuth.crlSecret names a Secret and no key of it, so that no list would be looked at: set tls.clientAuth.crlKey" -}}
  {{- end -}}
  {{- if and (eq $v.backend.service.type "LoadBalancer") (not $v.tls.enabled) (not $v.backend.service.loadBalancer.acceptPlainHttp) -}}
    {{- $wrong = append $wrong "backend.service.type=LoadBalancer without TLS: passwords and tokens would travel unencrypted; set tls.enabled=true, or backend.service.loadBalancer.acceptPlainHttp=true if you know the network" -}}
  {{- end -}}
  {{- if and (not $v.secrets.bootstrap.enabled) (not $v.backend.admin.existingSecret) (not (and $v.development.enabled $v.development.adminPassword)) (not (and $v.externalSecrets.enabled $v.externalSecrets.keys.admin)) -}}
    {{- $wrong = append $wrong "secrets.bootstrap.enabled=false: nothing makes the first admin's password; set backend.admin.existingSecret" -}}
  {{- end -}}
  {{- if and $v.ingress.enabled (not $v.ingress.hosts) -}}
    {{- $wrong = append $wrong "ingress.enabled needs a name: set ingress.hosts" -}}
  {{- end -}}
  {{- if and $v.ingress.enabled $v.ingress.redirect (not $v.ingress.tls.enabled) -}}
    {{- $wrong = append $wrong "ingress.redirect sends HTTP on to HTTPS, and ingress.tls.enabled is false: set it, or ingress.redirect=false" -}}
  {{- end -}}
  {{- if and $v.ingress.enabled (eq $v.ingress.controller "traefik") $v.ingress.redirect (not $v.ingress.traefik.customResources) (not $v.ingress.traefik.redirectMiddleware) -}}
    {{- $wrong = append $wrong "ingress.traefik.customResources=false: name a middleware that redirects in ingress.traefik.redirectMiddleware, or set ingress.redirect=false where the entry point redirects" -}}
  {{- end -}}
  {{- if and $v.httpRoute.enabled (or (not $v.httpRoute.parentRefs) (not $v.httpRoute.hostnames)) -}}
    {{- $wrong = append $wrong "httpRoute.enabled needs a gateway and a name: set httpRoute.parentRefs and httpRoute.hostnames" -}}
  {{- end -}}
  {{- if and $v.httpRoute.backendTLSPolicy.enabled (or (not $v.tls.enabled) (not $v.httpRoute.backendTLSPolicy.caConfigMap)) -}}
    {{- $wrong = append $wrong "httpRoute.backendTLSPolicy needs TLS of the backends and an authority: set tls.enabled=true and httpRoute.backendTLSPolicy.caConfigMap" -}}
  {{- end -}}
  {{- if and $v.monitoring.serviceMonitor.enabled (not (include "pganalytics.secret.monitoring" .)) -}}
    {{- $wrong = append $wrong "monitoring.serviceMonitor needs a token, since backends tell their figures to nobody without one, and secrets.bootstrap.enabled is false: set monitoring.token.existingSecret" -}}
  {{- end -}}
{{- else -}}
  {{- if not $v.collector.backend.url -}}
    {{- $wrong = append $wrong "backend.enabled=false: collectors need a backend elsewhere; set collector.backend.url" -}}
  {{- end -}}
{{- end -}}
{{- if and $byToken $v.collector.deployment.enabled $v.collector.targets (not (include "pganalytics.secret.collector" .)) -}}
  {{- $wrong = append $wrong "collector.targets needs a token, and nothing makes one (secrets.bootstrap.enabled or backend.enabled is false): make it with `pganalytics token create NAME --kind collector`, put it into a Secret, and set collector.token.existingSecret" -}}
{{- end -}}
{{- if $v.collector.discovery.enabled -}}
  {{- if and (not $v.collector.discovery.namespaces) (not $v.collector.discovery.allNamespaces) -}}
    {{- $wrong = append $wrong "collector.discovery.enabled needs to know where to look: set collector.discovery.namespaces, or collector.discovery.allNamespaces=true" -}}
  {{- end -}}
  {{- if and $v.collector.discovery.namespaces $v.collector.discovery.allNamespaces -}}
    {{- $wrong = append $wrong "collector.discovery.namespaces and collector.discovery.allNamespaces are both set: leave one of them out" -}}
  {{- end -}}
  {{- if and $v.collector.discovery.logs $v.collector.discovery.allNamespaces -}}
    {{- $wrong = append $wrong "collector.discovery.logs with allNamespaces would let collectors read what every pod of the cluster writes: name those with databases in collector.discovery.namespaces instead" -}}
  {{- end -}}
  {{- if and (not $v.collector.discovery.secrets) (not (and (include "pganalytics.secret.credentials" .) $v.collector.credentials.usernameKey)) -}}
    {{- $wrong = append $wrong "collector.discovery: nothing says how to log in to what is found; name Secrets in collector.discovery.secrets, or set collector.credentials.existingSecret with user and password of a role that all servers know" -}}
  {{- end -}}
  {{- if and $byToken (not (include "pganalytics.secret.collector" .)) -}}
    {{- $wrong = append $wrong "collector.discovery needs a token, and nothing makes one (secrets.bootstrap.enabled or backend.enabled is false): make it with `pganalytics token create NAME --kind collector`, put it into a Secret, and set collector.token.existingSecret" -}}
  {{- end -}}
{{- end -}}
{{- if and $byToken $v.collector.backend.url (include "pganalytics.collects" .) (not $v.collector.token.existingSecret) (not (and $v.externalSecrets.enabled $v.externalSecrets.keys.collector)) $v.backend.enabled -}}
  {{- $wrong = append $wrong "collector.backend.url is another backend than this release's, which gives out tokens of its own: make one there with `pganalytics token create NAME --kind collector`, and set collector.token.existingSecret" -}}
{{- end -}}
{{- if not $byToken -}}
  {{- if or $v.collector.token.existingSecret (and $v.externalSecrets.enabled $v.externalSecrets.keys.collector) -}}
    {{- $wrong = append $wrong "collector.enrolment.method=serviceAccount needs no token: leave collector.token.existingSecret and externalSecrets.keys.collector empty, or set the method to token" -}}
  {{- end -}}
  {{- if and (include "pganalytics.collects" .) (hasSuffix "/default" (include "pganalytics.collectorAccount" .)) -}}
    {{- $wrong = append $wrong "collector.enrolment.method=serviceAccount with the ServiceAccount 'default' would let every pod of the namespace enrol: set collector.serviceAccount.create=true, or collector.serviceAccount.name" -}}
  {{- end -}}
{{- end -}}
{{- if and $v.collector.tls.enabled (include "pganalytics.collects" .) -}}
  {{- if and (not $v.collector.tls.existingSecret) (not $v.collector.tls.certManager.enabled) -}}
    {{- $wrong = append $wrong "collector.tls.enabled needs a certificate: set collector.tls.existingSecret, or collector.tls.certManager.enabled=true with tls.certManager.issuerRef" -}}
  {{- end -}}
  {{- if and $v.collector.tls.certManager.enabled (not $v.tls.certManager.issuerRef.name) -}}
    {{- $wrong = append $wrong "collector.tls.certManager.enabled needs an issuer: set tls.certManager.issuerRef.name" -}}
  {{- end -}}
  {{- if and $v.collector.tls.clientAuth.existingSecret $v.monitoring.podMonitor.enabled (not $v.monitoring.podMonitor.clientCertificateSecret) -}}
    {{- $wrong = append $wrong "collector.tls.clientAuth asks Prometheus for a certificate, and it has none: set monitoring.podMonitor.clientCertificateSecret" -}}
  {{- end -}}
{{- else if and $v.collector.tls.clientAuth.existingSecret (not $v.collector.tls.enabled) -}}
  {{- $wrong = append $wrong "collector.tls.clientAuth needs TLS: set collector.tls.enabled=true" -}}
{{- end -}}
{{- if and (not $v.collector.tls.clientAuth.existingSecret) (or $v.collector.tls.clientAuth.crlKey $v.collector.tls.clientAuth.crlSecret) -}}
  {{- $wrong = append $wrong "collector.tls.clientAuth.crlKey and crlSecret are about certificates that nobody is asked for: set collector.tls.clientAuth.existingSecret" -}}
{{- else if and $v.collector.tls.clientAuth.crlSecret (not $v.collector.tls.clientAuth.crlKey) -}}
  {{- $wrong = append $wrong "collector.tls.clientAuth.crlSecret names a Secret and no key of it, so that no list would be looked at: set collector.tls.clientAuth.crlKey" -}}
{{- end -}}
{{- range $v.collector.targets -}}
  {{- $service := and .existingSecret (not .usernameKey) (not .passwordKey) -}}
  {{- if and (or .usernameKey .passwordKey) (not .existingSecret) -}}
    {{- $wrong = append $wrong (printf "collector.targets: '%s' names keys of a Secret, and no Secret: set its existingSecret" .name) -}}
  {{- end -}}
  {{- if and .usernameKey (not .passwordKey) -}}
    {{- $wrong = append $wrong (printf "collector.targets: '%s' has a usernameKey and no passwordKey: set both, or none for a Secret with pg_service.conf" .name) -}}
  {{- end -}}
  {{- if and .usernameKey (regexMatch "((^|[ ?&])user *=|://[^/?]*@)" .conninfo) -}}
    {{- $wrong = append $wrong (printf "collector.targets: '%s' has a usernameKey, and names a user in its conninfo too: leave one of them out" .name) -}}
  {{- end -}}
  {{- if and $service (not (regexMatch "^[A-Za-z0-9._-]+$" .name)) -}}
    {{- $wrong = append $wrong (printf "collector.targets: '%s' is the name of a section in its Secret's pg_service.conf, so write it with letters, digits, '.', '_' and '-' alone" .name) -}}
  {{- end -}}
  {{- if and $service (regexMatch "(^|[ ?&])service(file)? *=" .conninfo) -}}
    {{- $wrong = append $wrong (printf "collector.targets: '%s' has an existingSecret with pg_service.conf, and names a service in its conninfo too: leave one of them out, or set passwordKey" .name) -}}
  {{- end -}}
{{- end -}}
{{- if and $v.externalSecrets.enabled (not $v.externalSecrets.secretStoreRef.name) -}}
  {{- $wrong = append $wrong "externalSecrets.enabled needs a store: set externalSecrets.secretStoreRef.name" -}}
{{- end -}}
{{- with $wrong -}}
{{- fail (printf "\n\nThese values do not go together:\n  - %s\n" (join "\n  - " .)) -}}
{{- end -}}
{{- end -}}
