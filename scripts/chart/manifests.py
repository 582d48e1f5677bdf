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

# The API server accepts it, and the pods refuse it: it is no certificate, and too short for the first admin's password.
PLACEHOLDER = "REPLACE-ME"

SECRET_TLS = f"""# The certificates of the Ingress and of the backends. Each key contains a placeholder. The backends refuse it, and their log names the file:
#   /etc/pganalytics/tls/tls.crt holds no certificate in PEM
# Overwrite this file. The script reads the certificate of the Ingress from tls.crt and tls.key, and creates an authority and a certificate for the backends:
#
#   scripts/kubernetes-certificates.sh tls.crt tls.key > kubernetes/secret-tls.yaml
#
# or let cert-manager create the Secrets, and remove this file from kustomization.yaml. Never commit the filled file unencrypted:
# KUBERNETES_DEPLOYMENT.md describes the alternatives.
---
# The Ingress.
apiVersion: v1
kind: Secret
metadata:
  name: pganalytics-tls
  namespace: pganalytics
type: kubernetes.io/tls
stringData:
  tls.crt: {PLACEHOLDER}
  tls.key: {PLACEHOLDER}
---
# The backends. Collectors trust ca.crt.
apiVersion: v1
kind: Secret
metadata:
  name: pganalytics-backend-tls
  namespace: pganalytics
type: kubernetes.io/tls
stringData:
  ca.crt: {PLACEHOLDER}
  tls.crt: {PLACEHOLDER}
  tls.key: {PLACEHOLDER}
"""

SECRET_CREDENTIALS = f"""# The credentials. Each key contains a placeholder. The backends refuse it as the first admin's password, and their log names the setting:
#   take the first admin's password from PGANALYTICS_ADMIN_PASSWORD_FILE: the password has 10 characters, at least 12 are needed
# PostgreSQL refuses it as the other passwords. Overwrite this file with filled Secrets:
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
stringData:
  username: admin
  password: {PLACEHOLDER}
---
# The backends' PostgreSQL database.
apiVersion: v1
kind: Secret
metadata:
  name: pganalytics-database
  namespace: pganalytics
type: kubernetes.io/basic-auth
stringData:
  username: pganalytics
  password: {PLACEHOLDER}
---
# The role that reads statistics on the servers.
apiVersion: v1
kind: Secret
metadata:
  name: pganalytics-monitor
  namespace: pganalytics
type: kubernetes.io/basic-auth
stringData:
  username: pganalytics
  password: {PLACEHOLDER}
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
