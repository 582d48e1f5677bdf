#!/usr/bin/env bash
# Prints the path of a Python with DuckDB and Spark (e2e/readers.txt). Makes it in a cache outside the checkout if these versions are missing.
set -euo pipefail
cd "$(dirname "$0")/../.."

requirements=e2e/readers.txt
if ! command -v java >/dev/null || ! java -version >/dev/null 2>&1; then
  echo "Spark needs Java 17 or later: apt install openjdk-17-jre-headless" >&2
  exit 1
fi
if ! command -v python3 >/dev/null; then
  echo "DuckDB and Spark are Python packages here: apt install python3 python3-venv" >&2
  exit 1
fi
cache="${XDG_CACHE_HOME:-$HOME/.cache}/pganalytics-e2e"
folder="$cache/readers-$(cat "$requirements" <(python3 --version) | cksum | cut -d' ' -f1)"
if [ ! -x "$folder/bin/python" ]; then
  echo "installing DuckDB and Spark for the tests" >&2
  mkdir -p "$cache"
  draft="$folder.draft-$$"
  trap 'rm -rf "$draft"' EXIT
  if ! { python3 -m venv "$draft" && nice -n 5 "$draft/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"; } >&2; then
    echo "$requirements was not installed: Python 3.10 or later with venv and the Python package index are needed" >&2
    exit 1
  fi
  rm -rf "$folder"
  mv "$draft" "$folder"
fi
echo "$folder/bin/python"
