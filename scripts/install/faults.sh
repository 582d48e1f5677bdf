#!/usr/bin/env bash
# Checks that what the tests of faults use is there: ip (networks that are cut), mount (small disks) and libfaketime (clocks that jump); installs
# Debian's where one is missing and we may. The tests themselves need root for networks and disks, and say so.
set -euo pipefail

export PATH="$PATH:/usr/sbin:/sbin"
missing=()
look() {
  missing=()
  command -v ip >/dev/null || missing+=(iproute2)
  command -v mount >/dev/null || missing+=(mount)
  compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || compgen -G '/usr/lib/faketime/libfaketimeMT.so.1' >/dev/null || missing+=(libfaketime)
}
look
if [ "${#missing[@]}" -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing for the tests: ${missing[*]}" >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
  look
fi
if [ "${#missing[@]}" -gt 0 ]; then
  echo "the tests of faults need: apt install ${missing[*]}" >&2
  exit 1
fi
