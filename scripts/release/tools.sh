#!/usr/bin/env bash
# Prints the path of a folder with crane (pushes images; `crane registry serve` is a registry for tests) and actionlint, in a cache outside the
# checkout. Builds them if they are absent or have other versions (tools/release).
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v go >/dev/null; then
  echo "releases need Go 1.26 or later: apt install golang, or see go.dev" >&2
  exit 1
fi
bin="${XDG_CACHE_HOME:-$HOME/.cache}/pganalytics-e2e/release-$(cat tools/release/go.mod tools/release/go.sum | cksum | cut -d' ' -f1)"
for package in github.com/google/go-containerregistry/cmd/crane github.com/rhysd/actionlint/cmd/actionlint; do
  name=${package##*/}
  if [ ! -x "$bin/$name" ]; then
    echo "building $name ($package)" >&2
    mkdir -p "$bin"
    if ! (cd tools/release && nice -n 5 go build -o "$bin/.$name.draft" "$package" && mv "$bin/.$name.draft" "$bin/$name") >&2; then
      echo "could not build $name: it needs Go 1.26 or later and the Go module proxy" >&2
      exit 1
    fi
  fi
done
echo "$bin"
