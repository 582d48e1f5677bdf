#!/usr/bin/env bash
# Builds the programs of the test cluster from their Go modules (tools/kubernetes/*/go.mod) into a cache outside the checkout, and prints their folder.
# Programs of the same go.sum are not built again. The first build takes about half an hour on two cores, most of it for Kubernetes itself.
#
#   scripts/cluster/programs.sh [kubernetes|etcd|…]…    only these modules; by default all
#   PGANALYTICS_CLUSTER_CACHE=FOLDER                    another folder for the cache
set -euo pipefail
cd "$(dirname "$0")/../.."

cache=${PGANALYTICS_CLUSTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pganalytics-cluster}
modules=("$@")
[ "$#" -gt 0 ] || modules=(kubernetes etcd coredns metrics-server traefik kube-router)

say() { echo "$*" >&2; }

# The packages to build: the tools in the module's go.mod; for CoreDNS our own main package with a choice of plugins.
packages_of() { # module
  if [ "$1" = coredns ]; then echo .; else echo tool; fi
}

# Linker flags with the version. Without them Kubernetes reports v0.0.0, and Helm's check of kubeVersion fails.
version_flags() { # module
  local version minor
  [ "$1" = kubernetes ] || return 0
  version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
  minor=${version#v1.}
  printf -- '-X k8s.io/component-base/version.%s ' "gitVersion=$version" gitMajor=1 "gitMinor=${minor%%.*}" gitTreeState=clean
}

build() { # module
  local folder key done_mark
  folder=tools/kubernetes/$1
  if [ ! -f "$folder/go.sum" ]; then
    say "$folder/go.sum is missing: the checkout is incomplete"
    exit 1
  fi
  # The key includes the compiler's version.
  key=$(cat "$folder"/go.* <(go env GOVERSION) $(find "$folder" -name '*.go') | sha256sum | cut -c1-16)
  done_mark="$cache/bin/.$1-$key"
  [ -e "$done_mark" ] && return
  say "building $1 for the test cluster (missing in the cache, or its versions have changed)"
  local started=$SECONDS
  # One command for all programs of a module: they share most packages. The linker flags -s -w omit symbols.
  (cd "$folder" && CGO_ENABLED=0 go build -p "$(nproc)" -trimpath -ldflags "-s -w $(version_flags "$1")" -o "$cache/bin/" "$(packages_of "$1")")
  # etcd's main package is the root of its module, so Go names the program `server`.
  if [ "$1" = etcd ]; then mv "$cache/bin/server" "$cache/bin/etcd"; fi
  rm -f "$cache/bin/.$1"-*
  touch "$done_mark"
  say "built $1 in $((SECONDS - started)) s"
}

if ! command -v go >/dev/null; then
  say "the test cluster is built with Go 1.26 or later: install it (go.dev)"
  exit 1
fi
mkdir -p "$cache/bin"
# Two runs at the same time would build the same programs twice.
exec 9>"$cache/.lock"
if ! flock --nonblock 9; then
  say "another run builds the programs of the test cluster: waiting for it, at most an hour"
  if ! flock --timeout 3600 9; then
    say "the other run has not ended: find the process that holds $cache/.lock (fuser), end it, and try again"
    exit 1
  fi
fi
for module in "${modules[@]}"; do
  build "$module"
done
echo "$cache/bin"
