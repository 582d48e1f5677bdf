#!/usr/bin/env bash
# Prints the path of Azurite, an Azure Blob server that serves a folder (e2e/azurite). Installs it into a cache outside the checkout if this version is
# missing.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v npm >/dev/null; then
  echo "the Azure Blob server for the tests is an npm package: install Node.js 20 or later" >&2
  exit 1
fi
cache="${XDG_CACHE_HOME:-$HOME/.cache}/pganalytics-e2e"
folder="$cache/azurite-$(cksum <e2e/azurite/package-lock.json | cut -d' ' -f1)"
program="node_modules/azurite/dist/src/blob/main.js"
if [ ! -f "$folder/$program" ]; then
  echo "installing Azurite for the tests" >&2
  mkdir -p "$cache"
  draft="$folder.draft-$$"
  trap 'rm -rf "$draft"' EXIT
  mkdir "$draft"
  cp e2e/azurite/package.json e2e/azurite/package-lock.json e2e/azurite/.npmrc "$draft/"
  if ! nice -n 5 npm --prefix "$draft" ci --omit=dev >&2; then
    echo "e2e/azurite was not installed: the npm registry must be reachable" >&2
    exit 1
  fi
  rm -rf "$folder"
  mv "$draft" "$folder"
fi
echo "$folder/$program"
