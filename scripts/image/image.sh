#!/usr/bin/env bash
# Builds the container images without a Docker engine: static programs on an empty base, as OCI archives in target/image/. The Dockerfile builds the same
# images with Docker. The first build of `backend` takes half an hour on two cores, that of `collector` five minutes.
#
#   scripts/image/image.sh [backend|collector]…       only these images; by default both
#   VERSION=1.2.3                                     the tag, instead of the workspace's version
#   REGISTRY=ghcr.io/pganalytics                      the prefix of the name
set -euo pipefail
cd "$(dirname "$0")/../.."

registry=${REGISTRY:-ghcr.io/pganalytics}
version=${VERSION:-$(sed -nE '/^\[workspace.package\]/,/^\[/s/^version = "(.*)"/\1/p' Cargo.toml)}
target_folder=${CARGO_TARGET_DIR:-target}
out=$target_folder/image
images=("$@")
[ "$#" -gt 0 ] || images=(collector backend)

# The largest compressed size. Every node pulls the collector.
declare -A most_megabytes=([collector]=15 [backend]=60)
declare -A package=([collector]=pganalytics-collector [backend]=pganalytics)
declare -A title=([collector]="pgAnalytics collector" [backend]="pgAnalytics backend")

case $(uname -m) in
  x86_64) triple=x86_64-unknown-linux-musl architecture=amd64 ;;
  aarch64) triple=aarch64-unknown-linux-musl architecture=arm64 ;;
  *) echo "images are built on x86-64 and arm64, not on $(uname -m)" >&2; exit 1 ;;
esac

say() { echo "$*" >&2; }

if ! command -v musl-gcc >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing a C compiler for static programs: musl-tools"
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends musl-tools >&2
  else
    say "static programs need musl-gcc: apt install musl-tools"
    exit 1
  fi
fi
rustup target list --installed | grep -qx "$triple" || rustup target add "$triple" >&2

# The authorities that this system trusts, for connections to object stores and webhooks.
authorities=/etc/ssl/certs/ca-certificates.crt
if [ ! -e "$authorities" ]; then
  say "$authorities is missing: apt install ca-certificates"
  exit 1
fi

build() { # image
  local name=$1 crate=${package[$1]} program sbom report compressed
  say "building $crate for $triple; dependencies are compiled once"
  # -p on purpose: the collector's image has only the features that a collector needs.
  env "CC_${triple//-/_}=musl-gcc" cargo build --release --locked --target "$triple" -p "$crate" >&2
  program=$out/$crate
  sbom=$out/$name.cdx.json
  mkdir -p "$out"
  # The built program keeps its symbols, for the analysis of a crash.
  strip --strip-all -o "$program" "$target_folder/$triple/release/$crate"
  python3 scripts/image/sbom.py --package "$crate" --target "$triple" --output "$sbom"
  report=$(python3 scripts/image/oci.py --output "$out/$name.tar" --name "$registry/$name:$version" --architecture "$architecture" \
    --file "$program:/usr/bin/$crate" --file "$authorities:$authorities" --file "$sbom:/usr/share/doc/$crate/sbom.cdx.json" \
    --file LICENSE:/usr/share/doc/$crate/LICENSE --shared-folder /tmp --entrypoint "/usr/bin/$crate" --env PATH=/usr/bin \
    --label "org.opencontainers.image.title=${title[$name]}" \
    --label "org.opencontainers.image.description=PostgreSQL observability: the statistics views with a memory" \
    --label "org.opencontainers.image.version=$version" \
    --label "org.opencontainers.image.licenses=Apache-2.0" \
    --label "org.opencontainers.image.source=https://github.com/pganalytics/pganalytics" \
    --label "io.pganalytics.sbom=/usr/share/doc/$crate/sbom.cdx.json" \
    --label "io.pganalytics.sbom.sha256=$(sha256sum "$sbom" | cut -d' ' -f1)")
  compressed=$(sed -nE 's/.*"compressed_bytes": ([0-9]+).*/\1/p' <<<"$report")
  echo "$report" >"$out/$name.json"
  say "$(printf '%s: %s, %d.%d MB compressed of at most %d MB, %s' "$registry/$name:$version" "$out/$name.tar" \
    $((compressed / 1000000)) $((compressed / 100000 % 10)) "${most_megabytes[$name]}" \
    "$(sed -nE 's/.*"digest": "([^"]+)".*/\1/p' <<<"$report")")"
  if [ "$compressed" -gt $((most_megabytes[$name] * 1000000)) ]; then
    say "the image $name exceeds its limit: find what grew with \`cargo bloat\`, or raise the limit in scripts/image/image.sh with the reason"
    exit 1
  fi
}

for image in "${images[@]}"; do
  if [ -z "${package[$image]:-}" ]; then
    say "there is no image $image: name backend or collector"
    exit 2
  fi
  build "$image"
done
