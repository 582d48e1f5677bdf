#!/usr/bin/env bash
# A real Kubernetes with one node on this machine, as root on Debian: etcd, API server, controllers, scheduler, containerd and runc, kubelet, kube-proxy,
# CoreDNS, traefik, metrics-server, NetworkPolicies, volumes. It has no image registry and no connection to other networks: images are imported.
#
#   scripts/cluster/cluster.sh up                builds missing programs, starts the cluster, waits until it is ready
#   scripts/cluster/cluster.sh status            shows nodes and pods
#   scripts/cluster/cluster.sh import FILE…      imports images (OCI or Docker archives) into the node
#   scripts/cluster/cluster.sh kubectl …         runs kubectl as administrator; likewise `helm …`
#   scripts/cluster/cluster.sh run COMMAND …     runs a command in the cluster's network, with KUBECONFIG set
#   scripts/cluster/cluster.sh down              ends and removes the cluster
#
#   PGANALYTICS_CLUSTER_STATE=FOLDER             the cluster's folder, instead of $TMPDIR/pganalytics-cluster
#   PGANALYTICS_CLUSTER_PROGRAMS=FOLDER          built programs, instead of those of programs.sh
#   HELM=FILE                                    a Helm instead of the one that scripts/chart/tools.sh builds
set -euo pipefail
# shellcheck source=scripts/cluster/settings.sh
source "$(dirname "$0")/settings.sh"
for part in certificates node control-plane addons; do
  # shellcheck source=/dev/null
  source "$cluster_scripts/$part.sh"
done

need_running() {
  running || fail "the test cluster does not run: start it with $0 up"
  bin=$(cat "$state/programs")
  helm=$(cat "$state/helm")
}

up() {
  [ "$(id -u)" = 0 ] || fail "the test cluster needs namespaces, mounts and cgroups: run it as root, on a machine for tests"
  if running; then
    need_running
    say "the test cluster runs already"
    return
  fi
  [ ! -e "$state" ] || down
  [ "${#state}" -le 60 ] || fail "$state is too long for the sockets in it: set PGANALYTICS_CLUSTER_STATE to a folder with a shorter path"
  "$cluster_scripts/prerequisites.sh"
  bin=${PGANALYTICS_CLUSTER_PROGRAMS:-$("$cluster_scripts/programs.sh")}
  # The same Helm that renders and checks the chart.
  helm=${HELM:-$("$checkout/scripts/chart/tools.sh" helm)}
  local began=$SECONDS
  say "starting the test cluster in $state"
  mkdir -p "$state"/{run,log,varlog,kubelet,images,volumes} /var/lib/kubelet
  echo "$bin" >"$state/programs"
  echo "$helm" >"$state/helm"
  trap 'say "the test cluster did not start; \"$0 down\" removes its parts"' ERR
  remember_switches
  make_certificates
  make_cgroup
  make_namespaces
  say "  containerd, etcd, API server, controllers, scheduler"
  start_containerd
  start_control_plane
  say "  images of the cluster's own pods"
  pause_image
  for name in coredns traefik metrics-server; do program_image "$name"; done
  start_kubelet
  start_proxy
  await "the node" kubelet kubectl wait --for=condition=Ready "node/$node_name" --timeout 1s
  start_network_policies
  say "  DNS, ingress controller, metrics, volumes"
  start_addons
  trap - ERR
  say "the test cluster is ready after $((SECONDS - began)) s: Kubernetes $(kubectl version -o json | sed -nE 's/.*"gitVersion": "(.*)",/\1/p' | tail -1)"
}

down() {
  [ -e "$state" ] || return 0
  say "removing the test cluster in $state"
  end_processes
  remove_cgroup
  restore_switches
  rmdir /var/lib/kubelet 2>/dev/null || true
  rm -rf --one-file-system "$state"
}

command=${1:-}
[ "$#" -eq 0 ] || shift
case $command in
  up) up ;;
  down) down ;;
  status)
    need_running
    kubectl get nodes -o wide
    kubectl get pods --all-namespaces -o wide
    ;;
  import)
    need_running
    for archive in "$@"; do import_image "$archive"; done
    ;;
  kubectl)
    need_running
    kubectl "$@"
    ;;
  helm)
    need_running
    inside env KUBECONFIG="$state/kubeconfig/admin" "$helm" "$@"
    ;;
  run)
    need_running
    inside env KUBECONFIG="$state/kubeconfig/admin" PATH="$bin:$(dirname "$helm"):$PATH" "$@"
    ;;
  *)
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
    ;;
esac
