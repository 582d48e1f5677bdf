{{/* How people, collectors and Prometheus reach the backends. */}}
{{- define "pganalytics.validate.access" -}}
{{- $v := .Values -}}
{{- $i := $v.ingress -}}
{{- $r := $v.httpRoute -}}
{{- if $v.backend.enabled }}
{{- if and (eq $v.backend.service.type "LoadBalancer") (not $v.tls.enabled) (not $v.backend.service.loadBalancer.acceptPlainHttp) }}
backend.service.type=LoadBalancer without TLS would send passwords and tokens unencrypted: set tls.enabled=true, or backend.service.loadBalancer.acceptPlainHttp=true if you trust the network
{{- end }}
{{- if and (not $v.secrets.bootstrap.enabled) (not $v.backend.admin.existingSecret) (not (and $v.development.enabled $v.development.adminPassword)) (not (and $v.externalSecrets.enabled $v.externalSecrets.keys.admin)) }}
secrets.bootstrap.enabled=false: nothing creates the first admin's password; set backend.admin.existingSecret
{{- end }}
{{- with include "pganalytics.outside" . }}
{{- if and $v.networkPolicy.enabled $v.networkPolicy.backendFrom (not (include "pganalytics.hasRange" $v.networkPolicy.backendFrom)) }}
{{ . }}: clients arrive from addresses that are not pods, and networkPolicy.backendFrom lists only pods; add the addresses, for example the load balancer's subnets, as in networkPolicy.backendFrom=[{ipBlock: {cidr: 10.0.0.0/16}}]
{{- end }}
{{- end }}
{{- if and (include "pganalytics.serviceMonitor" .) $v.networkPolicy.enabled (or $v.networkPolicy.backendFrom (include "pganalytics.onlyGoogle" .)) (not $v.networkPolicy.metricsFrom) }}
networkPolicy.backendFrom limits the backends' clients, so Prometheus cannot reach them: set networkPolicy.metricsFrom to Prometheus' namespace
{{- end }}
{{- if eq (include "pganalytics.trustedProxy" .) "true" }}
{{- if and (not $v.networkPolicy.enabled) (eq (toString $v.backend.config.trustedProxy) "auto") }}
backend.config.trustedProxy=auto trusts X-Forwarded-For, and without network policies every pod can forge the header: set networkPolicy.enabled=true and networkPolicy.backendFrom to the proxy, or backend.config.trustedProxy=true if only the proxy reaches the backends, or backend.config.trustedProxy=false
{{- else if and $v.networkPolicy.enabled (not $v.networkPolicy.backendFrom) (not (include "pganalytics.onlyGoogle" .)) }}
backend.config.trustedProxy trusts X-Forwarded-For, and every client that networkPolicy.backendFrom lets in can forge the header: set networkPolicy.backendFrom to the namespace or the addresses of the proxy, or backend.config.trustedProxy=false
{{- end }}
{{- end }}
{{- if and (include "pganalytics.serviceMonitor" .) $v.monitoring.serviceMonitor.namespace (not $v.monitoring.token.existingSecret) }}
monitoring.serviceMonitor.namespace={{ $v.monitoring.serviceMonitor.namespace }}: Prometheus reads the token from a Secret in that namespace; create one there with a token from `pganalytics token create prometheus --kind api --role viewer`, and set monitoring.token.existingSecret
{{- end }}
{{- if and $i.enabled (not $i.hosts) }}
ingress.enabled needs a host name: set ingress.hosts
{{- end }}
{{- if and $i.enabled $i.redirect (not $i.tls.enabled) }}
ingress.redirect redirects HTTP to HTTPS, but ingress.tls.enabled is false: set ingress.tls.enabled=true, or ingress.redirect=false
{{- end }}
{{- if and $i.enabled (eq $i.controller "traefik") $i.redirect (not $i.traefik.customResources) (not $i.traefik.redirectMiddleware) }}
ingress.traefik.customResources=false: name a middleware that redirects in ingress.traefik.redirectMiddleware, or set ingress.redirect=false if the entry point redirects
{{- end }}
{{- if and $r.enabled (or (not $r.parentRefs) (not $r.hostnames)) }}
httpRoute.enabled needs a gateway and a host name: set httpRoute.parentRefs and httpRoute.hostnames
{{- end }}
{{- if and $r.backendTLSPolicy.enabled (or (not $v.tls.enabled) (not $r.backendTLSPolicy.caConfigMap)) }}
httpRoute.backendTLSPolicy needs TLS of the backends and a certificate authority: set tls.enabled=true and httpRoute.backendTLSPolicy.caConfigMap
{{- end }}
{{- if and (include "pganalytics.serviceMonitor" .) (not (include "pganalytics.secret.monitoring" .)) }}
monitoring.serviceMonitor needs a token, because backends show metrics to nobody without one, and secrets.bootstrap.enabled is false: set monitoring.token.existingSecret
{{- end }}
{{- else if not $v.collector.backend.url }}
backend.enabled=false: collectors need a backend elsewhere; set collector.backend.url
{{- end }}
{{- end -}}

{{/* Whether a list of peers has an ipBlock: "true" or nothing. */}}
{{- define "pganalytics.hasRange" -}}
{{- range . -}}{{- if hasKey . "ipBlock" -}}true{{- end -}}{{- end -}}
{{- end -}}
