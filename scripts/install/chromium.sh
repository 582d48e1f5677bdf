#!/usr/bin/env bash
# Prints the path of a Chromium for the browser test. As root on Debian, installs a missing Chromium.
set -euo pipefail

find_one() {
  for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
    if [ -n "$name" ] && command -v "$name"; then return 0; fi
  done
  return 1
}

if find_one; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing chromium for the browser test" >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >&2
  find_one && exit 0
fi
echo "the browser test needs Chromium: apt install chromium, or set CHROMIUM to its path" >&2
exit 1
