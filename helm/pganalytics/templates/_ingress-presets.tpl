{{/*
The annotations that each controller needs, as JSON. An Ingress has no field for a redirect, so each controller has annotations or objects of its own for
that. Every preset gives TLS, a redirect from HTTP to HTTPS, and time-outs above the backends' own (90 s), as deploy/haproxy.cfg and deploy/nginx.conf do.
*/}}

{{/* Whether HTTP is redirected to HTTPS: "true" or nothing. */}}
{{- define "pganalytics.ingress.redirects" -}}
{{- if and .Values.ingress.redirect .Values.ingress.tls.enabled -}}true{{- end -}}
{{- end -}}

{{/* F5's controller reads nginx.org, the family of ingress-nginx reads nginx.ingress.kubernetes.io. */}}
{{- define "pganalytics.ingress.nginx" -}}
{{- $redirect := eq (include "pganalytics.ingress.redirects" .) "true" | toString -}}
{{- $a := dict "nginx.org/client-max-body-size" "16m" "nginx.org/proxy-read-timeout" "90s" "nginx.org/proxy-send-timeout" "90s" "nginx.org/redirect-to-https" $redirect -}}
{{- $a = merge $a (dict "nginx.ingress.kubernetes.io/proxy-body-size" "16m" "nginx.ingress.kubernetes.io/proxy-read-timeout" "90" "nginx.ingress.kubernetes.io/proxy-send-timeout" "90" "nginx.ingress.kubernetes.io/ssl-redirect" $redirect "nginx.ingress.kubernetes.io/force-ssl-redirect" $redirect) -}}
{{- if .Values.tls.enabled -}}
{{- $_ := set $a "nginx.org/ssl-services" (printf "%s-backend" (include "pganalytics.fullname" .)) -}}
{{- $_ := set $a "nginx.ingress.kubernetes.io/backend-protocol" "HTTPS" -}}
{{- end -}}
{{- toJson $a -}}
{{- end -}}

{{/* HAProxy Technologies' controller reads haproxy.org, the community's reads haproxy-ingress.github.io. */}}
{{- define "pganalytics.ingress.haproxy" -}}
{{- $redirect := eq (include "pganalytics.ingress.redirects" .) "true" | toString -}}
{{- $a := dict "haproxy.org/ssl-redirect" $redirect "haproxy.org/ssl-redirect-code" "308" "haproxy.org/timeout-server" "90s" "haproxy.org/check" "true" -}}
{{- $a = merge $a (dict "haproxy-ingress.github.io/ssl-redirect" $redirect "haproxy-ingress.github.io/ssl-redirect-code" "308" "haproxy-ingress.github.io/timeout-server" "90s" "haproxy-ingress.github.io/health-check-uri" "/readyz") -}}
{{- if .Values.tls.enabled -}}
{{- $_ := set $a "haproxy.org/server-ssl" "true" -}}
{{- $_ := set $a "haproxy-ingress.github.io/backend-protocol" "h1-ssl" -}}
{{- end -}}
{{- toJson $a -}}
{{- end -}}

{{- define "pganalytics.ingress.traefik" -}}
{{- $i := .Values.ingress -}}
{{- $a := dict "traefik.ingress.kubernetes.io/router.entrypoints" (ternary $i.traefik.httpsEntryPoint $i.traefik.httpEntryPoint $i.tls.enabled) -}}
{{- if $i.tls.enabled -}}
{{- $_ := set $a "traefik.ingress.kubernetes.io/router.tls" "true" -}}
{{- end -}}
{{- with $i.traefik.middlewares -}}
{{- $_ := set $a "traefik.ingress.kubernetes.io/router.middlewares" (join "," .) -}}
{{- end -}}
{{- toJson $a -}}
{{- end -}}

{{- define "pganalytics.ingress.alb" -}}
{{- $i := .Values.ingress -}}
{{- $protocol := upper (include "pganalytics.scheme" .) -}}
{{- $ports := list (dict "HTTP" 80) -}}
{{- if $i.tls.enabled -}}
{{- $ports = append $ports (dict "HTTPS" 443) -}}
{{- end -}}
{{- $a := dict "alb.ingress.kubernetes.io/scheme" (ternary "internal" "internet-facing" $i.alb.internal) "alb.ingress.kubernetes.io/target-type" "ip" "alb.ingress.kubernetes.io/listen-ports" ($ports | toJson) -}}
{{- $a = merge $a (dict "alb.ingress.kubernetes.io/backend-protocol" $protocol "alb.ingress.kubernetes.io/healthcheck-protocol" $protocol "alb.ingress.kubernetes.io/healthcheck-path" "/readyz") -}}
{{- $a = merge $a (dict "alb.ingress.kubernetes.io/load-balancer-attributes" "idle_timeout.timeout_seconds=90" "alb.ingress.kubernetes.io/target-group-attributes" "deregistration_delay.timeout_seconds=30") -}}
{{- if include "pganalytics.ingress.redirects" . -}}
{{- $_ := set $a "alb.ingress.kubernetes.io/ssl-redirect" "443" -}}
{{- end -}}
{{- if $i.tls.enabled -}}
{{- $_ := set $a "alb.ingress.kubernetes.io/ssl-policy" "ELBSecurityPolicy-TLS13-1-2-2021-06" -}}
{{- end -}}
{{- with $i.alb.certificateArn -}}
{{- $_ := set $a "alb.ingress.kubernetes.io/certificate-arn" . -}}
{{- end -}}
{{- with $i.alb.groupName -}}
{{- $_ := set $a "alb.ingress.kubernetes.io/group.name" . -}}
{{- end -}}
{{- toJson $a -}}
{{- end -}}

{{/* GKE reads the class from an annotation, and has no IngressClass object. */}}
{{- define "pganalytics.ingress.gce" -}}
{{- $i := .Values.ingress -}}
{{- $redirects := include "pganalytics.ingress.redirects" . -}}
{{- $a := dict "kubernetes.io/ingress.class" (default "gce" $i.className) "kubernetes.io/ingress.allow-http" (or (not (empty $redirects)) (not $i.tls.enabled) | toString) -}}
{{- if $redirects -}}
{{- $_ := set $a "networking.gke.io/v1beta1.FrontendConfig" (printf "%s-backend" (include "pganalytics.fullname" .)) -}}
{{- end -}}
{{- with $i.gce.staticIpName -}}
{{- $_ := set $a "kubernetes.io/ingress.global-static-ip-name" . -}}
{{- end -}}
{{- with $i.gce.managedCertificate -}}
{{- $_ := set $a "networking.gke.io/managed-certificates" . -}}
{{- end -}}
{{- toJson $a -}}
{{- end -}}

{{- define "pganalytics.ingress.agic" -}}
{{- $redirect := eq (include "pganalytics.ingress.redirects" .) "true" | toString -}}
{{- $a := dict "appgw.ingress.kubernetes.io/ssl-redirect" $redirect "appgw.ingress.kubernetes.io/request-timeout" "90" "appgw.ingress.kubernetes.io/health-probe-path" "/readyz" "appgw.ingress.kubernetes.io/backend-protocol" (include "pganalytics.scheme" .) -}}
{{- toJson (merge $a (dict "appgw.ingress.kubernetes.io/connection-draining" "true" "appgw.ingress.kubernetes.io/connection-draining-timeout" "30")) -}}
{{- end -}}
