#!/usr/bin/env bash
# Prints the Secrets of kubernetes/secret-credentials.yaml, filled: a new password for the first admin, and the passwords of the backends' database and
# of the role that reads statistics. The passwords come from DATABASE_PASSWORD and MONITOR_PASSWORD; if these are not set, the script asks for them.
# Nothing is sent to a cluster.
#
#   scripts/kubernetes-credentials.sh > kubernetes/secret-credentials.yaml
#   scripts/kubernetes-credentials.sh | kubectl apply --filename -
set -euo pipefail

namespace=${NAMESPACE:-pganalytics}
umask 077

ask() { # user
  if [ ! -t 0 ]; then
    echo "the password of $1 is missing: set DATABASE_PASSWORD and MONITOR_PASSWORD" >&2
    exit 1
  fi
  read -r -s -p "Password of $1: " password
  echo >&2
  printf '%s' "$password"
}
secret() { # name, user, password
  if [ -z "$3" ]; then
    echo "the password of $2 is empty" >&2
    exit 1
  fi
  # base64 contains no character that YAML interprets.
  cat <<YAML
---
apiVersion: v1
kind: Secret
metadata:
  name: $1
  namespace: $namespace
type: kubernetes.io/basic-auth
data:
  username: $(printf '%s' "$2" | base64 | tr -d '\n')
  password: $(printf '%s' "$3" | base64 | tr -d '\n')
YAML
}

database=${DATABASE_PASSWORD-$(ask "the user 'pganalytics' of the backends' database")}
monitor=${MONITOR_PASSWORD-$(ask "the role 'pganalytics' on the servers")}
admin=${ADMIN_PASSWORD-$(head -c 18 /dev/urandom | base64 | tr -d '\n')}
secret pganalytics-admin admin "$admin"
secret pganalytics-database pganalytics "$database"
secret pganalytics-monitor pganalytics "$monitor"
