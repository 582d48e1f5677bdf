"""The plain manifests: the chart rendered with helm/pganalytics/ci/manifests.yaml, one file per topic.

The text is Helm's output, including comments, without the `# Source` lines and the labels of Helm. Two Secrets are written here, because the chart
renders none.
"""

import re

from chart import CHART, NAMESPACE, parse, run

HEAD = "# Rendered from helm/pganalytics by `make generated`: edit the chart, or write a kustomization based on this folder, but never this file.\n"

# The file of each object, by kind and suffix of its name.
FILES = [
    ("Namespace", "", "namespace.yaml"),
    ("StatefulSet", "", "backend-statefulset.yaml"),
    ("PodDisruptionBudget", "", "backend-statefulset.yaml"),
    ("DaemonSet", "", "collector-daemonset.yaml"),
    ("Service", "-collector", "collector-service.yaml"),
    ("Service", "", "backend-service.yaml"),
    ("Ingress", "", "ingress.yaml"),
    ("NetworkPolicy", "", "ingress.yaml"),
    ("ConfigMap", "-backend", "configmap-backend.yaml"),
    ("ConfigMap", "-collector", "configmap-collector.yaml"),
    ("ServiceAccount", "", "rbac.yaml"),
    ("ClusterRole", "", "rbac.yaml"),
    ("ClusterRoleBinding", "", "rbac.yaml"),
    ("Role", "", "rbac.yaml"),
    ("RoleBinding", "", "rbac.yaml"),
]

SECRET_TLS = """# The certificate of the Ingress. This file is empty, so the API server refuses it with this error:
#   The Secret "pganalytics-tls" is invalid: [data[tls.crt]: Required value, data[tls.key]: Required value]
# Overwrite this file with your own certificate:
#
#   kubectl create secret tls pganalytics-tls --namespace pganalytics --cert=tls.crt --key=tls.key \\
#     --dry-run=client --output=yaml > kubernetes/secret-tls.yaml
#
# or let cert-manager create the Secret, and remove this file from kustomization.yaml. Never commit the filled file unencrypted:
# KUBERNETES_DEPLOYMENT.md describes the alternatives.
apiVersion: v1
kind: Secret
metadata:
  name: pganalytics-tls
  namespace: pganalytics
type: kubernetes.io/tls
"""

SECRET_CREDENTIALS = """# The credentials. This file is empty, so the API server refuses each of these Secrets with an error such as:
#   The Secret "pganalytics-admin" is invalid: [data[username]: Required value, data[password]: Required value]
# Pods wait until the Secrets exist. Overwrite this file with filled Secrets:
#
#   scripts/kubernetes-credentials.sh > kubernetes/secret-credentials.yaml
#
# The script creates a password for the first admin, and asks for the passwords of the backends' database and of the role that reads statistics.
# Collectors need none: they enrol by their ServiceAccount. Never commit the filled file unencrypted: use SOPS, Sealed Secrets or External Secrets, and let
# the cluster encrypt etcd with a KMS. KUBERNETES_DEPLOYMENT.md describes them.
---
# The first admin.
apiVersion: v1
kind: Secret
metadata:
  name: pganalytics-admin
  namespace: pganalytics
type: kubernetes.io/basic-auth
---
# The backends' PostgreSQL database.
apiVersion: v1
kind: Secret
metadata:
  name: pganalytics-database
  namespace: pganalytics
type: kubernetes.io/basic-auth
---
# The role that reads statistics on the servers.
apiVersion: v1
kind: Secret
metadata:
  name: pganalytics-monitor
  namespace: pganalytics
type: kubernetes.io/basic-auth
"""


def files(tools):
    """The files' names and texts."""
    rendered = run(
        [tools.program("helm"), "template", "pganalytics", CHART, "--namespace", NAMESPACE, "--kube-version", "1.30.0",
         "--values", CHART / "ci" / "manifests.yaml"]
    )
    texts = {}
    for document in re.split(r"^---\n", rendered, flags=re.MULTILINE):
        document = re.sub(r"^# Source: .*\n", "", document, flags=re.MULTILINE)
        document = re.sub(r"^ *(app.kubernetes.io/managed-by: Helm|helm.sh/chart: .*)\n", "", document, flags=re.MULTILINE).strip()
        for thing in parse(document):
            texts.setdefault(file_of(thing), []).append(document)
    named = {name: HEAD + "\n---\n".join(documents) + "\n" for name, documents in texts.items()}
    named["secret-tls.yaml"] = SECRET_TLS
    named["secret-credentials.yaml"] = SECRET_CREDENTIALS
    # Namespace and RBAC first, because other objects need them.
    order = ["namespace.yaml", "rbac.yaml", *sorted(name for name in named if name not in ("namespace.yaml", "rbac.yaml"))]
    named["kustomization.yaml"] = (
        HEAD + "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n" + "".join(f"  - {name}\n" for name in order)
    )
    return named


def file_of(thing):
    kind, name = thing["kind"], thing["metadata"]["name"]
    for wanted, end, file in FILES:
        if kind == wanted and name.endswith(end):
            return file
    raise AssertionError(f"{kind}/{name} has no file: add one to FILES in scripts/chart/manifests.py")
