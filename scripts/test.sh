#!/usr/bin/env bash
# Runs every suite, sums the numbers that their runners print, and ends with the line "N passed, N failed". A suite that did not run counts as a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
total_passed=0
total_failed=0
summary=""
# A suite that hangs is ended, so that the others still run and the hanging test is in the output: cargo names each test that runs for over a minute.
suite_minutes=55

# Sums the numbers of a pattern's first group in a file, without colours.
sum() { # file, sed pattern
  sed -E 's/\x1b\[[0-9;]*m//g' "$1" | sed -nE "s/$2/\1/p" | awk '{ n += $1 } END { print n + 0 }'
}

suite() { # name, pattern of passed, pattern of failed, command …
  local name=$1 passed_pattern=$2 failed_pattern=$3 status=0 passed failed
  shift 3
  echo "── $name: $*"
  timeout --kill-after=30s "${suite_minutes}m" "$@" 2>&1 | tee "$logs/$name" || status=$?
  passed=$(sum "$logs/$name" "$passed_pattern")
  failed=$(sum "$logs/$name" "$failed_pattern")
  if [ "$status" -eq 124 ]; then
    echo "$name did not end within $suite_minutes minutes"
    failed=$((failed + 1))
  elif [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
    echo "$name ended with status $status without the name of a failed test"
    failed=1
  elif [ "$passed" -eq 0 ] && [ "$failed" -eq 0 ]; then
    echo "$name ran no test"
    failed=1
  fi
  total_passed=$((total_passed + passed))
  total_failed=$((total_failed + failed))
  summary+=$(printf '%-10s %4d passed, %d failed (%d s)' "$name" "$passed" "$failed" "$SECONDS")$'\n'
  SECONDS=0
}

make --no-print-directory ui/node_modules/.package-lock.json e2e/node_modules/.package-lock.json
CHROMIUM=$(scripts/install/chromium.sh)
# The programs of the end-to-end tests: load balancers and Redis, servers of S3 and Azure Blob, tools for networks and clocks, DuckDB and Spark.
scripts/install/balancers.sh
scripts/install/faults.sh
scripts/install/s3-server.sh >/dev/null
scripts/install/azurite.sh >/dev/null
scripts/install/readers.sh >/dev/null
# Helm and the programs that check the chart.
scripts/chart/tools.sh >/dev/null
# The registry that the release's tests push to, and the linter of the workflows.
scripts/release/tools.sh >/dev/null
export CHROMIUM CARGO_TERM_COLOR=never NO_COLOR=1
SECONDS=0

suite ui '^ *Tests .* ([0-9]+) passed.*' '^ *Tests +([0-9]+) failed.*' npm --prefix ui test
# The binaries for the end-to-end tests, with the same features as the tests, so that nothing is compiled twice.
cargo build --workspace --bins --locked
suite rust '^test result: .* ([0-9]+) passed; .*' '^test result: .* ([0-9]+) failed; .*' cargo test --workspace --locked --no-fail-fast
suite chart '^chart: ([0-9]+) passed, .*' '^chart: [0-9]+ passed, ([0-9]+) failed$' scripts/chart.sh check
suite browser '^[^a-z]* pass ([0-9]+)$' '^[^a-z]* fail ([0-9]+)$' node --test --test-reporter=spec e2e/browser.test.mjs
suite release '^Ran ([0-9]+) tests? .*' '^FAILED \(.*=([0-9]+)\).*' python3 -m unittest scripts/release/test_release.py
suite images '^Ran ([0-9]+) tests? .*' '^FAILED \(.*=([0-9]+)\).*' python3 -m unittest scripts/image/test_image.py

echo "── per suite"
printf '%s' "$summary"
echo "$total_passed passed, $total_failed failed"
[ "$total_failed" -eq 0 ]
