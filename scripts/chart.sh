#!/usr/bin/env bash
# Checks the Helm chart, and generates the files that depend on the chart.
#
#   scripts/chart.sh check       runs every static check; installs the tools; ends with "N passed, M failed"
#   scripts/chart.sh generate    writes kubernetes/*.yaml, kubernetes/HELM_VALUES_REFERENCE.md and helm/pganalytics/README.md
#   scripts/chart.sh check NAME  runs the checks whose names contain NAME
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$(scripts/chart/tools.sh)
case "${1:-}" in
  check) shift && exec "$tools/python/bin/python" scripts/chart/check.py "$tools" "$@" ;;
  generate) exec "$tools/python/bin/python" scripts/chart/generate.py "$tools" . ;;
  *)
    sed -n '4,6s/^# *//p' "$0" >&2
    exit 2
    ;;
esac
