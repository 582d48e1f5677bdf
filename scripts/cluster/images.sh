#!/usr/bin/env bash
# Makes the images of other programs for the cluster test, as archives in a folder: PostgreSQL (npm's binaries, like the end-to-end tests), an S3 server, and
# busybox as a client.
#
#   scripts/cluster/images.sh FOLDER        prints the archives
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/cluster/settings.sh
source scripts/cluster/settings.sh

out=${1:?name the folder for the archives}
major=${POSTGRES_MAJOR:-17}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Copies the shared libraries of programs, and the loader.
libraries() { # root, program or library …
  local root=$1 path
  shift
  # Libraries of the programs' own folder are copied with the folder.
  { ldd "$@" 2>/dev/null || true; } | awk 'match($0, /[ \t]\/(usr\/)?lib[^ ]* \(0x/) { print substr($0, RSTART + 1, RLENGTH - 5) }' | sort -u | while read -r path; do
    mkdir -p "$root$(dirname "$path")"
    cp -L "$path" "$root$path"
  done
}

image() { # name, root, further arguments of oci.py …
  local name=$1 root=$2
  shift 2
  python3 scripts/image/oci.py --output "$out/$name.tar" --name "$image_prefix/$name:1" --file "$root:/" --shared-folder /tmp "$@" >/dev/null
  echo "$out/$name.tar"
}

busybox() { # root
  local program
  mkdir -p "$1/bin"
  cp /bin/busybox "$1/bin/busybox"
  for program in sh cat wget nc nslookup sleep cp mkdir; do ln -s busybox "$1/bin/$program"; done
}

postgres_image() {
  local native=e2e/node_modules/pg$major/native root=$work/postgres link
  [ -x "$native/bin/postgres" ] || make --no-print-directory e2e/node_modules/.package-lock.json >&2
  mkdir -p "$root/usr/local/bin" "$root/etc" "$root/var/lib/postgresql" "$root/init"
  cp -r "$native" "$root/usr/local/pgsql"
  # npm packages have no symbolic links, but a list of them.
  python3 - "$root/usr/local/pgsql" <<'PYTHON'
import json, os, pathlib, sys
root = pathlib.Path(sys.argv[1])
for link in json.loads((root / "pg-symlinks.json").read_text()):
    at = root / link["target"].removeprefix("native/")
    if not at.exists():
        at.symlink_to(os.path.basename(link["source"]))
PYTHON
  chmod +x "$root/usr/local/pgsql/bin/"*
  LD_LIBRARY_PATH=$root/usr/local/pgsql/lib libraries "$root" "$root"/usr/local/pgsql/bin/* "$root"/usr/local/pgsql/lib/*.so* "$root"/usr/local/pgsql/lib/postgresql/*.so
  busybox "$root"
  echo "postgres:x:26:26::/var/lib/postgresql:/bin/sh" >"$root/etc/passwd"
  echo "postgres:x:26:" >"$root/etc/group"
  install -m 755 scripts/cluster/images/postgres.sh "$root/usr/local/bin/postgres.sh"
  image postgres "$root" --user 26:26 --entrypoint /usr/local/bin/postgres.sh --env PATH=/usr/local/pgsql/bin:/bin --env PGHOST=/tmp \
    --env LD_LIBRARY_PATH=/usr/local/pgsql/lib --shared-folder /var/lib/postgresql
}

s3_image() {
  local program root=$work/s3
  program=$(scripts/install/s3-server.sh)
  mkdir -p "$root/usr/bin"
  cp "$program" "$root/usr/bin/versitygw"
  strip "$root/usr/bin/versitygw"
  libraries "$root" "$root/usr/bin/versitygw"
  busybox "$root"
  image s3 "$root" --entrypoint /usr/bin/versitygw
}

client_image() {
  busybox "$work/busybox"
  image busybox "$work/busybox" --entrypoint /bin/busybox --env PATH=/bin
}

"$cluster_scripts/prerequisites.sh"
mkdir -p "$out"
postgres_image
s3_image
client_image
