#!/usr/bin/env bash
# Prints the Secrets of kubernetes/secret-tls.yaml, filled: the certificate of the Ingress from two PEM files, and a new authority with a certificate for the
# backends' Services. Nothing is sent to a cluster. The authority's key is thrown away: run the script again before the certificate expires.
#
#   scripts/kubernetes-certificates.sh tls.crt tls.key > kubernetes/secret-tls.yaml
set -euo pipefail

namespace=${NAMESPACE:-pganalytics}
days=${DAYS:-365}
if [ $# -ne 2 ]; then
  sed -n '5s/^# *//p' "$0" >&2
  exit 2
fi
for file in "$1" "$2"; do
  if [ ! -s "$file" ]; then
    echo "$file is missing or empty: name the certificate and the key of the Ingress, in PEM" >&2
    exit 1
  fi
done
if ! command -v openssl >/dev/null; then
  echo "openssl creates the backends' certificate: apt install openssl" >&2
  exit 1
fi

umask 077
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
service=pganalytics-backend
names="DNS:$service,DNS:$service.$namespace,DNS:$service.$namespace.svc,DNS:$service.$namespace.svc.cluster.local"
names="$names,DNS:*.$service-headless.$namespace.svc,DNS:*.$service-headless.$namespace.svc.cluster.local"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days "$days" -subj "/CN=pganalytics backends" \
  -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" -keyout "$scratch/ca.key" -out "$scratch/ca.crt" 2>"$scratch/log" || { cat "$scratch/log" >&2; exit 1; }
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$service.$namespace.svc" -keyout "$scratch/tls.key" -out "$scratch/request" 2>"$scratch/log" || { cat "$scratch/log" >&2; exit 1; }
printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nkeyUsage=critical,digitalSignature\nbasicConstraints=CA:FALSE\n' "$names" >"$scratch/extensions"
openssl x509 -req -in "$scratch/request" -CA "$scratch/ca.crt" -CAkey "$scratch/ca.key" -days "$days" -extfile "$scratch/extensions" -out "$scratch/tls.crt" 2>"$scratch/log" || { cat "$scratch/log" >&2; exit 1; }

secret() { # name, then key and file …
  cat <<YAML
---
apiVersion: v1
kind: Secret
metadata:
  name: $1
  namespace: $namespace
type: kubernetes.io/tls
data:
YAML
  shift
  while [ $# -gt 0 ]; do
    echo "  $1: $(base64 <"$2" | tr -d '\n')"
    shift 2
  done
}
secret pganalytics-tls tls.crt "$1" tls.key "$2"
secret pganalytics-backend-tls ca.crt "$scratch/ca.crt" tls.crt "$scratch/tls.crt" tls.key "$scratch/tls.key"
