# shellcheck shell=bash
# The cluster's add-ons: DNS, storage, ingress, metrics, NetworkPolicies. Sourced by cluster.sh.

# A volume is used once: it is not emptied after its claim.
volumes=60
volume_size=10Gi

# Makes and imports an image of one static program from the cache.
program_image() { # name
  python3 "$checkout/scripts/image/oci.py" --output "$state/images/$1.tar" --name "$image_prefix/$1:1" --file "$bin/$1:/$1" \
    --entrypoint "/$1" --shared-folder /tmp >/dev/null
  import_image "$state/images/$1.tar"
}

# Makes the image of the process that holds a pod's namespaces, from Kubernetes' own C source.
pause_image() {
  local source
  source=$(cd "$checkout/tools/kubernetes/kubernetes" && go list -m -f '{{.Dir}}' k8s.io/kubernetes)/build/pause/linux/pause.c
  [ -x "$bin/pause" ] || cc -Os -static -s -DVERSION=test -o "$bin/pause" "$source"
  program_image pause
}

apply() { # file of addons/
  sed -e "s|@IMAGE_PREFIX@|$image_prefix|g; s|@DNS_SERVICE_IP@|$dns_service_ip|g; s|@DOMAIN@|$domain|g; s|@NODE_IP@|$node_ip|g" \
    "$cluster_scripts/addons/$1.yaml" | kubectl apply -f - >/dev/null
}

make_volumes() {
  local number name
  for number in $(seq "$volumes"); do
    name=volume-$number
    mkdir -p "$state/volumes/$name"
    cat <<YAML
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: $name}
spec:
  storageClassName: local
  capacity: {storage: $volume_size}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  local: {path: $state/volumes/$name}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [$node_name]}]}]}}
YAML
  done | kubectl apply -f - >/dev/null
}

# Starts kube-router's firewall, which enforces NetworkPolicies as iptables rules.
start_network_policies() {
  kubectl create clusterrolebinding network-policy --clusterrole=view --user=network-policy >/dev/null
  kubectl create clusterrole network-policy-nodes --verb=get,list,watch --resource=nodes >/dev/null
  kubectl create clusterrolebinding network-policy-nodes --clusterrole=network-policy-nodes --user=network-policy >/dev/null
  start network-policy "$bin/kube-router" --run-firewall=true --run-router=false --run-service-proxy=false --run-loadbalancer=false \
    --kubeconfig "$state/kubeconfig/network-policy" --hostname-override "$node_name" --service-cluster-ip-range "$service_network" \
    --health-port 20244 --metrics-port 0 --iptables-sync-period 5s
  await "the enforcement of NetworkPolicies" network-policy inside curl -sf --max-time 5 http://127.0.0.1:20244/healthz
}

# Installs traefik's own kinds from its module.
ingress_kinds() {
  local module
  module=$(cd "$checkout/tools/kubernetes/traefik" && go list -m -f '{{.Dir}}' github.com/traefik/traefik/v3)
  kubectl apply --server-side -f - <"$module/docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml" >/dev/null
}

rolled_out() { kubectl --namespace "$1" rollout status "deployment/$2" --timeout 1s; }

start_addons() {
  apply storage
  make_volumes
  apply dns
  apply metrics
  ingress_kinds
  apply ingress
  await "DNS" - rolled_out kube-system coredns
  await "the ingress controller" - rolled_out traefik traefik
  await "metrics" - rolled_out kube-system metrics-server
  await "figures of the node" - kubectl --request-timeout 10s top nodes
}
