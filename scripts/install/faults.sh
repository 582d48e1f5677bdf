#!/usr/bin/env bash
# Checks that the programs of the fault tests are installed: ip (cut networks), mount (small disks) and libfaketime (clocks that jump). As root on Debian,
# installs the missing packages. The tests of networks and disks also need root.
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
  echo "the fault tests need: apt install ${missing[*]}" >&2
  exit 1
fi
