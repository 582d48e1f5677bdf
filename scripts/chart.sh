#!/usr/bin/env bash
# The Helm chart and the plain manifests that are rendered from it.
#
#   scripts/chart.sh check       every static check; installs what it needs; ends with "N passed, M failed"
#   scripts/chart.sh generate    writes kubernetes/*.yaml and kubernetes/HELM_VALUES_REFERENCE.md anew
#   scripts/chart.sh check NAME  the checks whose name has NAME in it
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
