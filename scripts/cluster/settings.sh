# shellcheck shell=bash
# What the scripts of the test cluster share: names, addresses, folders, and how to run something inside it. Sourced, never run.
#
# The whole cluster lives in one folder, one network namespace, one mount namespace and one cgroup. Ending the processes of the cgroup ends
# the namespaces, and with them every bridge, rule and mount; nothing of the machine's own network or mounts is touched.

cluster_scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$cluster_scripts/../.." && pwd)
# Debian keeps iptables, ipset and conntrack where only root's PATH looks.
export PATH="$PATH:/usr/sbin:/sbin"

# The sockets inside make a long path useless: a unix socket's path ends after 107 bytes.
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

# How long one step of the cluster may take before something is wrong with it: many times what it takes on two busy cores.
patience_s=180

# The images of the cluster's own pods; `.invalid` can never be asked for over a network.
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

# The folders of this machine's cgroup hierarchies that hold the cluster: one with cgroup v2, one for each controller with v1.
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

# The one of them that says which processes belong to the cluster.
cgroup_of_processes() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo "/sys/fs/cgroup/$cgroup"; else echo "/sys/fs/cgroup/pids/$cgroup"; fi
}

# Starts a program of the cluster that goes on until `cluster.sh down`.
start() { # name, command …
  local name=$1
  shift
  (
    # Into the cluster's cgroup first, so that whatever it starts is in there too.
    echo "$BASHPID" >"$(cgroup_of_processes)/system/cgroup.procs"
    cd /
    exec setsid nsenter --target "$(holder)" --net --mount -- env PATH="$PATH:/usr/lib/cni" "$@"
  ) >"$state/log/$name.log" 2>&1 </dev/null &
  echo "$!" >"$state/run/$name.pid"
  disown
}

# Waits for a condition, and says what it waits for when that takes a while. Ends with the log of the program where it is gone.
await() { # what, program that must live (or -), command …
  local what=$1 program=$2 began=$SECONDS told=0
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [ "$program" != - ] && ! kill -0 "$(cat "$state/run/$program.pid")" 2>/dev/null; then
      tail -n 30 "$state/log/$program.log" >&2
      fail "$program has ended while the cluster waited for $what; its log: $state/log/$program.log"
    fi
    if [ $((SECONDS - began)) -gt "$patience_s" ]; then
      "$@" >&2 || true
      fail "waited $patience_s s in vain for $what; the logs are in $state/log"
    fi
    if [ $((SECONDS - began)) -ge $((told + 10)) ]; then
      told=$((SECONDS - began))
      say "  still waiting for $what ($told s)"
    fi
    sleep 0.3
  done
}
