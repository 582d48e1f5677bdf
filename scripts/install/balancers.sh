#!/usr/bin/env bash
# Checks that HAProxy, nginx, Redis and openssl (for certificates) are installed for the tests. As root on Debian, installs the missing packages. No service
# is started: the tests start their own processes.
set -euo pipefail

# Debian installs some of them in folders that only root's PATH has.
export PATH="$PATH:/usr/sbin:/usr/local/sbin"
missing=()
for pair in haproxy:haproxy nginx:nginx redis-server:redis-server openssl:openssl; do
  command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
if [ "${#missing[@]}" -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing for the tests: ${missing[*]}" >&2
  # This file tells the packages' scripts not to start a service. An existing file stays.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
  missing=()
  for program in haproxy nginx redis-server openssl; do
    command -v "$program" >/dev/null || missing+=("$program")
  done
fi
if [ "${#missing[@]}" -gt 0 ]; then
  echo "the tests of load balancers and Redis need: apt install ${missing[*]}" >&2
  exit 1
fi
