#!/usr/bin/env bash
# Tests the chart on a real Kubernetes: builds and imports the images, starts the test cluster, installs with the production values, runs the scenarios of
# e2e/cluster/, writes target/cluster-report.md, and removes the cluster. The built programs stay in a cache outside the checkout. The state of the cluster at
# each failure is in target/cluster-evidence.
#
#   scripts/cluster/test.sh [arguments of e2e/cluster]     --only WORDS, --no-discovery, --keep
#   KUBECONFIG=FILE IMAGE_PREFIX=registry.example.com/test scripts/cluster/test.sh
#                                                          uses another cluster, whose nodes can pull our images and those of images.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/cluster/settings.sh
source scripts/cluster/settings.sh

report=$checkout/target/cluster-report.md
if [ -n "${KUBECONFIG:-}" ]; then
  : "${IMAGE_PREFIX:?name the registry of the images of scripts/cluster/images.sh, from which the nodes can pull}"
  cd e2e && exec python3 -m cluster --image-prefix "$IMAGE_PREFIX" --report "$report" "$@"
fi

cluster=$cluster_scripts/cluster.sh
keep=no
for argument in "$@"; do [ "$argument" != --keep ] || keep=yes; done
ended() {
  local status=$?
  # Otherwise the logs of the cluster's programs are removed with it.
  if [ "$status" -ne 0 ] && [ -d "$state/log" ]; then
    mkdir -p "$checkout/target/cluster-evidence"
    cp "$state"/log/*.log "$checkout/target/cluster-evidence/"
    say "the logs of the cluster's programs are in $checkout/target/cluster-evidence"
  fi
  if [ "$keep" = yes ]; then
    say "the test cluster keeps running: $cluster status, $cluster kubectl …, $cluster down"
  else
    "$cluster" down
  fi
}

say "images of pgAnalytics"
scripts/image/image.sh
say "images of the test's other programs"
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
images=$target/cluster-images
scripts/cluster/images.sh "$images" >/dev/null
trap ended EXIT
"$cluster" up
"$cluster" import "$target"/image/{backend,collector}.tar "$images"/*.tar
cd e2e
"$cluster" run python3 -m cluster --image-prefix "$image_prefix" --images "$target/image" --report "$report" "$@"
