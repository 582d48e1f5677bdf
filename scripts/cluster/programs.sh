#!/usr/bin/env bash
# Builds the programs of the test cluster from their Go modules (tools/kubernetes/*/go.mod) into a cache outside the checkout, and
# prints the folder that holds them. What is there already, from the same go.sum, is not built again. The first build takes about
# half an hour on two cores, Kubernetes itself most of it.
#
#   scripts/cluster/programs.sh [kubernetes|etcd|…]…    these alone; all of them otherwise
#   PGANALYTICS_CLUSTER_CACHE=FOLDER                    another place for the cache
set -euo pipefail
cd "$(dirname "$0")/../.."

cache=${PGANALYTICS_CLUSTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pganalytics-cluster}
modules=("$@")
[ "$#" -gt 0 ] || modules=(kubernetes etcd coredns metrics-server traefik kube-router)

say() { echo "$*" >&2; }

# What of a module is built: the tools that its go.mod names; of CoreDNS our own choice of plugins.
packages_of() { # module
  if [ "$1" = coredns ]; then echo .; else echo tool; fi
}

# What the program says of itself. Without it Kubernetes calls itself v0.0.0, and Helm's check of kubeVersion refuses it.
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
    say "$folder/go.sum is missing: the checkout is not whole"
    exit 1
  fi
  # Another compiler makes other programs.
  key=$(cat "$folder"/go.* <(go env GOVERSION) $(find "$folder" -name '*.go') | sha256sum | cut -c1-16)
  done_mark="$cache/bin/.$1-$key"
  [ -e "$done_mark" ] && return
  say "building $1 for the test cluster (nothing of it is on this machine yet, or its versions changed)"
  local started=$SECONDS
  # One command for all programs of a module: they share most of their packages. The Go linker's -s -w leaves symbols out.
  (cd "$folder" && CGO_ENABLED=0 go build -p "$(nproc)" -trimpath -ldflags "-s -w $(version_flags "$1")" -o "$cache/bin/" "$(packages_of "$1")")
  # Its main package is its module's root, which gives the program no name of its own.
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
# Two runs at once would build the same things twice.
exec 9>"$cache/.lock"
if ! flock --nonblock 9; then
  say "another run builds the programs of the test cluster: waiting for it, an hour at most"
  if ! flock --timeout 3600 9; then
    say "it has not ended: look who holds $cache/.lock (fuser), end it, and run this again"
    exit 1
  fi
fi
for module in "${modules[@]}"; do
  build "$module"
done
echo "$cache/bin"
