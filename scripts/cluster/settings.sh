# shellcheck shell=bash
# Shared by the scripts of the test cluster: names, addresses, folders, and functions that run programs inside the cluster. Sourced, never run.
#
# The cluster lives in one folder, one network namespace, one mount namespace and one cgroup. Ending the processes of the cgroup ends the namespaces, and with
# them every bridge, rule and mount. The machine's own network and mounts stay unchanged.

cluster_scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$cluster_scripts/../.." && pwd)
# Debian installs iptables, ipset and conntrack in folders that only root's PATH has.
export PATH="$PATH:/usr/sbin:/sbin"

# The path must be short: a unix socket's path has at most 107 bytes.
state=${PGANALYTICS_CLUSTER_STATE:-${TMPDIR:-/tmp}/pganalytics-cluster}
cgroup=pganalytics-cluster

node_name=node-1
node_ip=10.99.0.1
node_network=10.99.0.0/24
pod_network=10.244.0.0/16
service_network=10.96.0.0/16
api_service_ip=10.96.0.1
dns_service_ip=10.96.0.10
domain=cluster.local

# The longest wait for one step: many times what two busy cores need.
patience_s=180

# The registry name of the cluster's own images. A name in `.invalid` never resolves.
image_prefix=pganalytics-cluster.invalid

say() { echo "$(date -u +%H:%M:%S) $*" >&2; }

fail() {
  echo "$*" >&2
  exit 1
}

# The process that holds the namespaces open.
holder() { cat "$state/run/holder.pid" 2>/dev/null; }

running() {
  local pid
  pid=$(holder) && [ -n "$pid" ] && [ "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)" = "sleep infinity " ]
}

# Runs a command in the cluster's network and with its mounts.
inside() { nsenter --target "$(holder)" --net --mount --wdns="$PWD" -- "$@"; }

# The cluster's cgroup folders: one with cgroup v2, one per controller with v1.
cgroup_folders() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    echo "/sys/fs/cgroup/$cgroup"
  else
    local folder
    for folder in /sys/fs/cgroup/*/; do
      case $folder in */unified/) ;; *) echo "$folder$cgroup" ;; esac
    done
  fi
}

# The cgroup folder that has the cluster's processes.
cgroup_of_processes() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo "/sys/fs/cgroup/$cgroup"; else echo "/sys/fs/cgroup/pids/$cgroup"; fi
}

# Starts a program that runs until `cluster.sh down`.
start() { # name, command …
  local name=$1
  shift
  (
    # Enters the cluster's cgroup first, so that its children are in it too.
    echo "$BASHPID" >"$(cgroup_of_processes)/system/cgroup.procs"
    cd /
    exec setsid nsenter --target "$(holder)" --net --mount -- env PATH="$PATH:/usr/lib/cni" "$@"
  ) >"$state/log/$name.log" 2>&1 </dev/null &
  echo "$!" >"$state/run/$name.pid"
  disown
}

# Waits for a condition, with progress lines. If the program ends meanwhile, prints the program's log and fails.
await() { # what, program that must run (or -), command …
  local what=$1 program=$2 began=$SECONDS told=0
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [ "$program" != - ] && ! kill -0 "$(cat "$state/run/$program.pid")" 2>/dev/null; then
      tail -n 30 "$state/log/$program.log" >&2
      fail "$program ended while the cluster waited for $what; its log: $state/log/$program.log"
    fi
    if [ $((SECONDS - began)) -gt "$patience_s" ]; then
      "$@" >&2 || true
      fail "waited $patience_s s for $what; the logs are in $state/log"
    fi
    if [ $((SECONDS - began)) -ge $((told + 10)) ]; then
      told=$((SECONDS - began))
      say "  still waiting for $what ($told s)"
    fi
    sleep 0.3
  done
}
