// The modules with the definitions of custom resources. Only their schemas are used; nothing is built.
module pganalytics.invalid/tools/crds

go 1.26.0

require (
	github.com/cert-manager/cert-manager v1.21.2
	github.com/external-secrets/external-secrets v1.3.2
	github.com/prometheus-operator/prometheus-operator v0.85.0
	github.com/traefik/traefik/v3 v3.6.12
	sigs.k8s.io/gateway-api v1.6.1
)
