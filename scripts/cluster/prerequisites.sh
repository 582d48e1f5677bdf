#!/usr/bin/env bash
# Checks that the system's programs for the test cluster are installed. As root on Debian, installs the missing packages. No service is started.
set -euo pipefail

export PATH="$PATH:/usr/sbin:/sbin"
need=(containerd:containerd runc:runc iptables:iptables ipset:ipset conntrack:conntrack ip:iproute2 openssl:openssl curl:curl
  nsenter:util-linux python3:python3 cc:gcc musl-gcc:musl-tools psql:postgresql-client)
files=(/usr/lib/cni/bridge:containernetworking-plugins /bin/busybox:busybox-static)

absent() {
  local pair
  for pair in "${need[@]}"; do command -v "${pair%%:*}" >/dev/null || echo "${pair##*:}"; done
  for pair in "${files[@]}"; do [ -e "${pair%%:*}" ] || echo "${pair##*:}"; done
}

mapfile -t missing < <(absent)
if [ "${#missing[@]}" -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing for the test cluster: ${missing[*]}" >&2
  # This file tells the packages' scripts not to start a service. An existing file stays.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
  mapfile -t missing < <(absent)
fi
if [ "${#missing[@]}" -gt 0 ]; then
  echo "the test cluster needs: apt install ${missing[*]}" >&2
  exit 1
fi
