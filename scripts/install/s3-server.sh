#!/usr/bin/env bash
# Prints the path of a real S3 server for the tests: versitygw (Apache-2.0), which serves a folder. Builds its Go module into a cache outside the checkout
# if this version is missing; about a minute on two cores.
#
#   VERSITYGW=/path/to/versitygw     uses that program instead
set -euo pipefail

VERSION=v1.8.0
MODULE=github.com/versity/versitygw

if [ -n "${VERSITYGW:-}" ]; then
  command -v "$VERSITYGW" && exit 0
  echo "VERSITYGW names no program: $VERSITYGW" >&2
  exit 1
fi
bin="${XDG_CACHE_HOME:-$HOME/.cache}/pganalytics-e2e/versitygw-$VERSION"
program="$bin/versitygw"
if [ ! -x "$program" ]; then
  if ! command -v go >/dev/null; then
    echo "the S3 server for the tests is built with Go: install it (apt install golang, or go.dev), or set VERSITYGW to the path of versitygw" >&2
    exit 1
  fi
  echo "building the S3 server for the tests: versitygw $VERSION" >&2
  mkdir -p "$bin"
  if ! GOBIN="$bin" nice -n 5 go install "$MODULE/cmd/versitygw@$VERSION" >&2; then
    echo "versitygw $VERSION was not built: Go 1.25 or later and the Go module proxy are needed, or set VERSITYGW to its path" >&2
    exit 1
  fi
fi
echo "$program"
