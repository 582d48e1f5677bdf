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
[ "$#" -gt 0 ] || modules=(kubernetes etcd coredns metrics-server traefik kube-router helm)

say() { echo "$*" >&2; }

folder_of() { # module
  if [ "$1" = helm ]; then echo tools/helm; else echo "tools/kubernetes/$1"; fi
}

# What of a module is built: the tools that its go.mod names, but of Helm, which has two majors there, the newer one, and of CoreDNS our
# own choice of plugins.
packages_of() { # module
  case $1 in
    helm) echo helm.sh/helm/v4/cmd/helm ;;
    coredns) echo . ;;
    *) echo tool ;;
  esac
}

# What the program says of itself. Without it Kubernetes calls itself v0.0.0, and Helm's check of kubeVersion refuses it.
version_flags() { # module, folder
  local version minor
  case $1 in
    kubernetes)
      version=$(cd "$2" && go list -m -f '{{.Version}}' k8s.io/kubernetes)
      minor=${version#v1.}
      printf -- '-X k8s.io/component-base/version.%s ' "gitVersion=$version" gitMajor=1 "gitMinor=${minor%%.*}" gitTreeState=clean
      ;;
    helm)
      version=$(cd "$2" && go list -m -f '{{.Version}}' helm.sh/helm/v4)
      printf -- '-X helm.sh/helm/v4/internal/version.version=%s' "$version"
      ;;
  esac
}

build() { # module
  local folder key done_mark
  folder=$(folder_of "$1")
  if [ ! -f "$folder/go.sum" ]; then
    say "$folder/go.sum is missing: the checkout is not whole"
    exit 1
  fi
  # The compiler and this script belong to the key: another one of either makes other programs.
  key=$(cat "$folder"/go.* "$0" <(go env GOVERSION) $(find "$folder" -name '*.go') | sha256sum | cut -c1-16)
  done_mark="$cache/bin/.$1-$key"
  [ -e "$done_mark" ] && return
  say "building $1 for the test cluster (nothing of it is on this machine yet, or its versions changed)"
  local started=$SECONDS
  # One command for all programs of a module: they share most of their packages. The Go linker's -s -w leaves symbols out.
  (cd "$folder" && CGO_ENABLED=0 go build -p "$(nproc)" -trimpath -ldflags "-s -w $(version_flags "$1" .)" -o "$cache/bin/" "$(packages_of "$1")")
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
flock 9
for module in "${modules[@]}"; do
  build "$module"
done
echo "$cache/bin"
