#!/usr/bin/env bash
# Writes kubernetes/go.mod and go.sum for a version of Kubernetes. Kubernetes' own go.mod replaces its staging modules (k8s.io/api, k8s.io/client-go, …) with
# folders of its repository, which users of the module do not have. This go.mod replaces each with its published release.
#
#   tools/kubernetes/pin.sh v1.36.3
set -euo pipefail
cd "$(dirname "$0")/kubernetes"

version=${1:?name a version of Kubernetes, as v1.36.3}
staging=v0.${version#v1.}
description=$(go mod download -json "k8s.io/kubernetes@$version" | sed -nE 's/.*"GoMod": "(.*)",/\1/p')
{
  echo "// Written by pin.sh: the programs of a Kubernetes node, for make test-cluster."
  echo "module pganalytics.io/tools/kubernetes"
  echo
  grep '^go ' "$description"
  echo
  echo "tool ("
  for program in kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl; do
    echo "	k8s.io/kubernetes/cmd/$program"
  done
  echo ")"
  echo
  echo "require k8s.io/kubernetes $version"
  echo
  echo "replace ("
  sed -nE "s|^\t(k8s.io/[a-z-]+) => ./staging/.*|\t\1 => \1 $staging|p" "$description"
  echo ")"
} >go.mod
go mod tidy
