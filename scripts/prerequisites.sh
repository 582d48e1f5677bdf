#!/usr/bin/env bash
# Checks that the programs for a build are installed, and names the remedy for each missing program.
set -euo pipefail

missing=0
need() { # program, remedy
  if ! command -v "$1" >/dev/null; then
    echo "$1 is missing: $2" >&2
    missing=1
  fi
}

need cargo "install Rust with rustup (rustup.rs)"
need cc "install a C compiler: apt install gcc, or Xcode's command line tools"
need node "install Node.js 20.19 or later (nodejs.org)"
need npm "install Node.js 20.19 or later, which contains npm (nodejs.org)"
if [ "$(uname -s)" = Linux ]; then
  need setpriv "install util-linux: apt install util-linux"
fi
if command -v node >/dev/null; then
  version=$(node --version)
  major=${version#v}
  if [ "${major%%.*}" -lt 20 ]; then
    echo "Node.js $version is too old: install 20.19 or later (nodejs.org)" >&2
    missing=1
  fi
fi
exit "$missing"
