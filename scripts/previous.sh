#!/usr/bin/env bash
# Prints the path of an earlier version's pganalytics, for the test of rolling upgrades: of the previous commit, or of the named revision. Builds it from a
# separate worktree into the same target folder, which has the compiled dependencies; a few minutes on two cores.
#
#   scripts/previous.sh [REVISION]
set -euo pipefail
cd "$(dirname "$0")/.."

revision=$(git rev-parse --verify "${1:-HEAD~1}^{commit}")
target=${CARGO_TARGET_DIR:-$PWD/target}
program="$target/previous/pganalytics-$revision"
if [ ! -x "$program" ]; then
  source="$target/previous/source"
  git worktree remove --force "$source" 2>/dev/null || true
  rm -rf "$source"
  git worktree prune
  git worktree add --quiet --detach "$source" "$revision" >&2
  trap 'git worktree remove --force "$source"' EXIT
  (cd "$source" && CARGO_TARGET_DIR="$target" cargo build --workspace --bins --locked >&2)
  mv "$target/debug/pganalytics" "$program"
  # Builds this version's programs again: the earlier ones have the same names.
  cargo build --workspace --bins --locked >&2
fi
echo "$program"
