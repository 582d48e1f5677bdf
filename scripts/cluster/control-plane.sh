# shellcheck shell=bash
# The control plane: etcd, API server, controllers, scheduler. Sourced by cluster.sh.

start_control_plane() {
  # The data need not survive a power failure.
  start etcd "$bin/etcd" --data-dir "$state/etcd" --unsafe-no-fsync --log-level warn --name "$node_name" \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster "$node_name=http://127.0.0.1:2380"
  await "etcd" etcd inside curl -sf --max-time 5 http://127.0.0.1:2379/readyz

  start apiserver "$bin/kube-apiserver" --etcd-servers http://127.0.0.1:2379 --advertise-address "$node_ip" --secure-port 6443 \
    --service-cluster-ip-range "$service_network" --allow-privileged --authorization-mode Node,RBAC \
    --enable-admission-plugins NodeRestriction --client-ca-file "$pki/ca.crt" \
    --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
    --kubelet-certificate-authority "$pki/ca.crt" --kubelet-client-certificate "$pki/apiserver-kubelet-client.crt" \
    --kubelet-client-key "$pki/apiserver-kubelet-client.key" --kubelet-preferred-address-types InternalIP \
    --service-account-issuer "https://kubernetes.default.svc.$domain" --service-account-key-file "$pki/service-accounts.pub" \
    --service-account-signing-key-file "$pki/service-accounts.key" \
    --requestheader-client-ca-file "$pki/front-proxy-ca.crt" --requestheader-allowed-names front-proxy-client \
    --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
    --requestheader-extra-headers-prefix X-Remote-Extra- \
    --proxy-client-cert-file "$pki/front-proxy-client.crt" --proxy-client-key-file "$pki/front-proxy-client.key"
  await "the API server" apiserver kubectl --request-timeout 10s get --raw /readyz

  start controller-manager "$bin/kube-controller-manager" --kubeconfig "$state/kubeconfig/controller-manager" --leader-elect=false \
    --bind-address 127.0.0.1 --root-ca-file "$pki/ca.crt" --service-account-private-key-file "$pki/service-accounts.key" \
    --use-service-account-credentials --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key" \
    --cluster-cidr "$pod_network" --service-cluster-ip-range "$service_network" --allocate-node-cidrs \
    --horizontal-pod-autoscaler-sync-period 5s --horizontal-pod-autoscaler-downscale-stabilization 10s
  start scheduler "$bin/kube-scheduler" --kubeconfig "$state/kubeconfig/scheduler" --leader-elect=false --bind-address 127.0.0.1
  await "the controllers" controller-manager kubectl --request-timeout 10s --namespace default get serviceaccount default
}

kubectl() { inside "$bin/kubectl" --kubeconfig "$state/kubeconfig/admin" "$@"; }
