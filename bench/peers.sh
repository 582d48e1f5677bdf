#!/usr/bin/env bash
# Builds the peers into a cache outside the checkout and prints their versions. Needs Go and the Go module proxy.
#
#   bench/peers.sh             into $PGANALYTICS_BENCH_PEERS, or ~/.cache/pganalytics-bench/bin
#
# VICTORIA_METRICS, PROMETHEUS and POSTGRES_EXPORTER set other versions, which the installed Go must be able to build.
# POSTGRES_EXPORTER_SOURCE names a checkout to build, if the proxy does not have the module.
# Programs on the PATH (Debian: victoria-metrics prometheus prometheus-postgres-exporter) work too.
set -euo pipefail

export GOBIN="${PGANALYTICS_BENCH_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/pganalytics-bench/bin}"
mkdir -p "$GOBIN"

install() { # program, module path, version
    if [ ! -x "$GOBIN/$1" ]; then
        echo "building $1 $3" >&2
        nice -n 19 go install "$2@$3"
    fi
}

install victoria-metrics github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics "${VICTORIA_METRICS:-v1.151.0}"
install prometheus github.com/prometheus/prometheus/cmd/prometheus "${PROMETHEUS:-v0.316.0}"
if [ -n "${POSTGRES_EXPORTER_SOURCE:-}" ]; then
    if [ ! -x "$GOBIN/postgres_exporter" ]; then
        stamp="-X github.com/prometheus/common/version.Version=$(cat "$POSTGRES_EXPORTER_SOURCE/VERSION")"
        (cd "$POSTGRES_EXPORTER_SOURCE" && nice -n 19 go build -ldflags "$stamp" -o "$GOBIN/postgres_exporter" ./cmd/postgres_exporter)
    fi
else
    install postgres_exporter github.com/prometheus-community/postgres_exporter/cmd/postgres_exporter "${POSTGRES_EXPORTER:-v0.20.1}"
fi

# Programs of `go install` do not print their version.
for program in victoria-metrics prometheus postgres_exporter; do
    version=$(go version -m "$GOBIN/$program" | awk '$1 == "mod" { print $3; exit }')
    [ "$version" = "(devel)" ] && version=$("$GOBIN/$program" --version 2>&1 | awk 'NR == 1 { print $3 }')
    echo "$version" >"$GOBIN/$program.version"
    echo "$program $version"
done
