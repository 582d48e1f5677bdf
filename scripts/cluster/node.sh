# shellcheck shell=bash
# The node: its cgroup, its namespaces, containerd, kubelet and kube-proxy. Sourced by cluster.sh.

make_cgroup() {
  local folder file
  while read -r folder; do
    mkdir -p "$folder"
    # A new cpuset of cgroup v1 has no processors and no memory.
    for file in cpuset.cpus cpuset.mems; do
      if [ -e "$folder/$file" ]; then cat "$(dirname "$folder")/$file" >"$folder/$file"; fi
    done
    if [ -e "$folder/cgroup.subtree_control" ]; then
      sed 's/\b\([a-z]\)/+\1/g' "$folder/cgroup.controllers" >"$folder/cgroup.subtree_control"
    fi
  done < <(cgroup_folders)
  mkdir -p "$(cgroup_of_processes)/system"
}

# Starts the process that holds the namespaces, and makes their network: the node's address on a bridge, and a route to the Services' addresses for the
# node's own programs. The network has no connection to other networks.
make_namespaces() {
  (
    echo "$BASHPID" >"$(cgroup_of_processes)/system/cgroup.procs"
    cd /
    exec setsid unshare --net --mount --propagation private -- bash -euc '
      # kubelet and containerd must see the mounts of each other.
      mount --make-rshared /
      # The programs have fixed paths for sockets, namespaces and logs. These mounts belong to the cluster alone and end with it.
      mount -t tmpfs -o mode=755 tmpfs /run
      mkdir -p /run/lock
      mount --bind "$1/varlog" /var/log
      mount --bind "$1/kubelet" /var/lib/kubelet
      ip link set lo up
      ip link add node0 type bridge
      ip link add node0-peer type veth peer name node0-port
      ip link set node0-port master node0
      ip link set node0-port up
      ip link set node0-peer up
      ip address add "$2" dev node0
      ip link set node0 up
      ip route add "$3" dev node0
      sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1
      exec sleep infinity
    ' holder "$state" "$node_ip/${node_network#*/}" "$service_network"
  ) >"$state/log/holder.log" 2>&1 </dev/null &
  echo "$!" >"$state/run/holder.pid"
  disown
  await "the cluster's network" holder running
}

# kubelet changes these settings of the machine. `down` restores them.
kubelet_switches=(vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes)

remember_switches() {
  local name
  for name in "${kubelet_switches[@]}"; do
    if [ -e "/proc/sys/$name" ]; then printf '%s %s\n' "$name" "$(cat "/proc/sys/$name")"; fi
  done >"$state/switches"
}

restore_switches() {
  local name value
  [ -e "$state/switches" ] || return 0
  while read -r name value; do
    [ "$(cat "/proc/sys/$name")" = "$value" ] || echo "$value" >"/proc/sys/$name"
  done <"$state/switches"
}

start_containerd() {
  mkdir -p "$state/cni"
  cat >"$state/cni/10-pods.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "pods0", "isGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$state/cni/addresses", "ranges": [[{"subnet": "${pod_network%.*.*}.0.0/24"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
  # restrict_oom_score_adj: a sandboxed machine may lack the right to lower the score.
  cat >"$state/containerd.toml" <<TOML
version = 2
root = "$state/containerd/root"
state = "$state/containerd/state"
[grpc]
  address = "$state/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$image_prefix/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "$state/cni"
[plugins."io.containerd.internal.v1.opt"]
  path = "$state/containerd/opt"
TOML
  start containerd containerd --config "$state/containerd.toml" --log-level warn
  await "containerd" containerd ctr_ version
}

ctr_() { inside ctr --address "$state/containerd.sock" --namespace k8s.io "$@"; }

import_image() { # archive
  ctr_ images import --no-unpack "$1" >/dev/null || ctr_ images import "$1" >/dev/null
}

start_kubelet() {
  local v1=false
  [ -e /sys/fs/cgroup/cgroup.controllers ] || v1=true
  # No name server outside the cluster.
  : >"$state/resolv.conf"
  cat >"$state/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $pki/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $pki/kubelet.crt
tlsPrivateKeyFile: $pki/kubelet.key
clusterDNS: [$dns_service_ip]
clusterDomain: $domain
resolvConf: $state/resolv.conf
containerRuntimeEndpoint: unix://$state/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$cgroup
failCgroupV1: false
failSwapOn: false
# A sandboxed machine may lack the right to lower kubelet's score.
oomScoreAdj: 0
podLogsDir: /var/log/pods
# Pods are never evicted because of the machine's disk.
evictionHard: {memory.available: 100Mi, nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%", imagefs.inodesFree: "0%"}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
maxPods: 100
# Several pods start at once. The default limit of one every 0.2 s is for nodes that pull images.
registryPullQPS: 0
nodeStatusReportFrequency: 10s
syncFrequency: 15s
YAML
  say "  kubelet$([ "$v1" = false ] || echo ', with cgroup v1')"
  start kubelet "$bin/kubelet" --config "$state/kubelet.yaml" --kubeconfig "$state/kubeconfig/kubelet" \
    --hostname-override "$node_name" --node-ip "$node_ip" --node-labels topology.kubernetes.io/zone=zone-a
}

start_proxy() {
  cat >"$state/proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $state/kubeconfig/proxy}
mode: iptables
clusterCIDR: $pod_network
hostnameOverride: $node_name
oomScoreAdj: 0
# The connection table belongs to the machine: its limits stay.
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
iptables: {minSyncPeriod: 0s, syncPeriod: 30s}
metricsBindAddress: 127.0.0.1:10249
YAML
  start proxy "$bin/kube-proxy" --config "$state/proxy.yaml"
  await "kube-proxy" proxy inside curl -sf --max-time 5 http://127.0.0.1:10249/healthz
}

# Ends every process of the cluster: programs, containers, their shims, and the holder of the namespaces.
end_processes() {
  local all began=$SECONDS processes
  all=$(cgroup_of_processes)
  [ -d "$all" ] || return 0
  while :; do
    mapfile -t processes < <(find "$all" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -un)
    [ "${#processes[@]}" -gt 0 ] || break
    [ $((SECONDS - began)) -le 30 ] || fail "processes of the cluster do not end: ${processes[*]}"
    kill -KILL "${processes[@]}" 2>/dev/null || true
    sleep 0.1
  done
}

remove_cgroup() {
  local folder
  while read -r folder; do
    # Inner folders first. The kernel needs a moment after the last process.
    local began=$SECONDS
    while [ -d "$folder" ] && [ $((SECONDS - began)) -le 10 ]; do
      find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
    done
    [ ! -d "$folder" ] || fail "the cgroup $folder is still in use"
  done < <(cgroup_folders)
}
