# shellcheck shell=bash
# The cluster's certificates and kubeconfigs, made with openssl into $state/pki. Sourced by cluster.sh.

pki=$state/pki

authority() { # name, common name
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$2" \
    -addext keyUsage=critical,keyCertSign,cRLSign -keyout "$pki/$1.key" -out "$pki/$1.crt" 2>/dev/null
}

# Makes a certificate for servers and clients. A Kubernetes client's name is the CN of its certificate; its groups are the Os.
certificate() { # name, authority, subject, [alternative names]
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$3" -keyout "$pki/$1.key" -out "$pki/$1.csr" 2>/dev/null
  printf '%s\n' "basicConstraints=critical,CA:FALSE" "extendedKeyUsage=serverAuth,clientAuth" ${4:+"subjectAltName=$4"} >"$pki/$1.ext"
  openssl x509 -req -in "$pki/$1.csr" -CA "$pki/$2.crt" -CAkey "$pki/$2.key" -CAcreateserial -days 30 -extfile "$pki/$1.ext" \
    -out "$pki/$1.crt" 2>/dev/null
  rm "$pki/$1.csr" "$pki/$1.ext"
}

kubeconfig() { # name of the certificate
  cat >"$state/kubeconfig/$1" <<YAML
apiVersion: v1
kind: Config
clusters:
  - name: test
    cluster: {server: "https://$node_ip:6443", certificate-authority-data: $(base64 -w0 <"$pki/ca.crt")}
users:
  - name: $1
    user: {client-certificate-data: $(base64 -w0 <"$pki/$1.crt"), client-key-data: $(base64 -w0 <"$pki/$1.key")}
contexts:
  - name: test
    context: {cluster: test, user: $1}
current-context: test
YAML
}

make_certificates() {
  umask 077
  mkdir -p "$pki" "$state/kubeconfig"
  authority ca kubernetes-ca
  authority front-proxy-ca front-proxy-ca
  certificate apiserver ca /CN=kube-apiserver \
    "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.$domain,IP:$api_service_ip,IP:$node_ip,IP:127.0.0.1"
  certificate apiserver-kubelet-client ca /O=system:masters/CN=kube-apiserver-kubelet-client
  certificate front-proxy-client front-proxy-ca /CN=front-proxy-client
  certificate kubelet ca "/O=system:nodes/CN=system:node:$node_name" "DNS:$node_name,IP:$node_ip"
  certificate admin ca /O=system:masters/CN=admin
  certificate controller-manager ca /CN=system:kube-controller-manager
  certificate scheduler ca /CN=system:kube-scheduler
  certificate proxy ca /CN=system:kube-proxy
  certificate network-policy ca /CN=network-policy
  openssl ecparam -genkey -name prime256v1 -noout -out "$pki/service-accounts.key"
  openssl ec -in "$pki/service-accounts.key" -pubout -out "$pki/service-accounts.pub" 2>/dev/null
  local name
  for name in admin controller-manager scheduler kubelet proxy network-policy; do
    kubeconfig "$name"
  done
  umask 022
}
