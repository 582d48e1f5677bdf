#!/usr/bin/env bash
# Builds and publishes a release. The workflow .github/workflows/release.yml runs the same commands on machines of both architectures.
#
#   scripts/release.sh build              programs, images and bills of materials for this machine's architecture, in target/release-parts/ARCHITECTURE
#   scripts/release.sh join DIR…          joins the parts of all architectures, the chart, the notes and checksums in target/release-VERSION
#   scripts/release.sh push REGISTRY      pushes target/release-VERSION: REGISTRY/backend, REGISTRY/collector and the chart REGISTRY/charts/pganalytics
#
#   VERSION=1.2.3    the version, instead of the chart's
#   PLAIN_HTTP=1     for a registry without TLS, on this machine
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
version=${VERSION:-$(sed -nE 's/^version: "?([^"]+)"?$/\1/p' helm/pganalytics/Chart.yaml)}
whole=$target/release-$version

say() { echo "$*" >&2; }

build() {
  local architecture parts crate
  architecture=$(uname -m | sed -e s/x86_64/amd64/ -e s/aarch64/arm64/)
  parts=$target/release-parts/$architecture
  make --no-print-directory ui/dist/index.html >&2
  VERSION=$version scripts/image/image.sh collector backend
  rm -rf "$parts"
  mkdir -p "$parts"
  for crate in pganalytics pganalytics-collector; do
    tar --create --gzip --file "$parts/$crate-$version-linux-$architecture.tar.gz" --owner=0 --group=0 --numeric-owner --mtime="@${SOURCE_DATE_EPOCH:-0}" --sort=name \
      --directory "$PWD/$target/image" "$crate" --directory "$PWD" LICENSE README.md
  done
  for image in backend collector; do
    cp "$target/image/$image.tar" "$parts/$image.tar"
    cp "$target/image/$image.cdx.json" "$parts/$image-$version-linux-$architecture.cdx.json"
  done
  say "the parts for $architecture are in $parts"
}

join() { # folders of parts
  local image part archives=()
  [ "$#" -gt 0 ] || { say "name the folders that scripts/release.sh build made, one per architecture"; exit 2; }
  rm -rf "$whole"
  mkdir -p "$whole/images"
  for image in backend collector; do
    archives=()
    for part in "$@"; do
      archives+=("$part/$image.tar")
    done
    python3 scripts/release/layout.py --output "$whole/images/$image" "${archives[@]}" >"$whole/images/$image.digest"
  done
  for part in "$@"; do
    find "$part" -maxdepth 1 \( -name '*.tar.gz' -o -name '*.cdx.json' \) -exec cp {} "$whole/" \;
  done
  "$(scripts/chart/tools.sh helm)" package helm/pganalytics --version "$version" --app-version "$version" --destination "$whole" >&2
  python3 scripts/release/changelog.py notes "$version" >"$whole/NOTES.md"
  (cd "$whole" && find . -maxdepth 1 -type f ! -name SHA256SUMS -printf '%f\n' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS)
  say "the release is in $whole"
}

push() { # registry with a prefix
  local registry=$1 bin image crane_flags=() helm_flags=()
  [ -d "$whole" ] || { say "$whole is missing: run scripts/release.sh join first"; exit 1; }
  if [ -n "${PLAIN_HTTP:-}" ]; then
    crane_flags=(--insecure)
    helm_flags=(--plain-http)
  fi
  bin=$(scripts/release/tools.sh)
  for image in backend collector; do
    "$bin/crane" push "${crane_flags[@]}" --index "$whole/images/$image" "$registry/$image:$version"
  done
  "$(scripts/chart/tools.sh helm)" push "${helm_flags[@]}" "$whole/pganalytics-$version.tgz" "oci://$registry/charts" >&2
}

case "${1:-}" in
  build) build ;;
  join) shift && join "$@" ;;
  push) push "${2:?name the registry: scripts/release.sh push ghcr.io/pganalytics}" ;;
  *)
    sed -n '4,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
