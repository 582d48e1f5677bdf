#!/usr/bin/env bash
# The chart on a real Kubernetes: builds and imports the images, starts the test cluster, installs with the production values and goes
# through everything in e2e/cluster/, writes target/cluster-report.md, and removes the cluster. What it builds is kept outside the checkout.
#
#   scripts/cluster/test.sh [arguments of e2e/cluster]     --only WORDS, --no-discovery, --keep
#   KUBECONFIG=FILE IMAGE_PREFIX=registry.example.com/test scripts/cluster/test.sh
#                                                          with another cluster; its nodes can pull our images and those of images.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/cluster/settings.sh
source scripts/cluster/settings.sh

report=$checkout/target/cluster-report.md
if [ -n "${KUBECONFIG:-}" ]; then
  : "${IMAGE_PREFIX:?where the images of scripts/cluster/images.sh are, so that the nodes of that cluster can pull them}"
  cd e2e && exec python3 -m cluster --image-prefix "$IMAGE_PREFIX" --report "$report" "$@"
fi

cluster=scripts/cluster/cluster.sh
keep=no
for argument in "$@"; do [ "$argument" != --keep ] || keep=yes; done
ended() {
  if [ "$keep" = yes ]; then
    say "the test cluster goes on: $cluster status, $cluster kubectl …, $cluster down"
  else
    "$cluster" down
  fi
}

say "images of pgAnalytics"
scripts/image/image.sh
say "images of what the test needs beside them"
images=${CARGO_TARGET_DIR:-target}/cluster-images
scripts/cluster/images.sh "$images" >/dev/null
trap ended EXIT
"$cluster" up
"$cluster" import "${CARGO_TARGET_DIR:-target}"/image/{backend,collector}.tar "$images"/*.tar
cd e2e
../"$cluster" run python3 -m cluster --image-prefix "$image_prefix" --report "$report" "$@"
