"""From an empty cluster to a healthy installation, as in the deployment document, and the ways to reach it."""

from __future__ import annotations

import time

from ..api import Api
from ..kubernetes import Wrong, apply, fill, get, helm, kubectl, logs, pods, port_forward, ready_pods, until
from ..scenario import scenario
from ..world import BACKENDS, COLLECTORS, DATABASES, HOST, MANIFESTS, NAMESPACE, NODE_PORT, RELEASE, SERVICES, World

# The promised time for a cold start.
INSTALLED_WITHIN_S = 300


@scenario("PostgreSQL, an S3 server and two servers to watch are running", needed=True)
def services(world: World) -> None:
    """A database with TLS and a bucket for pgAnalytics; two real servers in their own namespace."""
    world.make_authority()
    for namespace, host, secret in ((SERVICES, "database.services.svc", "database-tls"), (DATABASES, "orders-rw.databases.svc", "orders-server")):
        restricted_namespace(namespace)
        certificate, key = world.make_certificate(secret, host)
        kubectl("--namespace", namespace, "create", "secret", "tls", secret, f"--cert={certificate}", f"--key={key}")
    kubectl("--namespace", DATABASES, "create", "secret", "generic", "orders-ca", f"--from-file=ca.crt={world.authority}")
    apply(fill(MANIFESTS / "services.yaml", IMAGE_PREFIX=world.image_prefix, DATABASE_PASSWORD=world.database_password,
               SUPERUSER_PASSWORD=world.superuser_password, S3_SECRET_KEY=world.s3_secret_key))
    apply(fill(MANIFESTS / "targets.yaml", IMAGE_PREFIX=world.image_prefix, MONITOR_PASSWORD=world.monitor_password,
               SUPERUSER_PASSWORD=world.superuser_password))
    for namespace, selector in ((SERVICES, "app=database"), (SERVICES, "app=s3"), (DATABASES, "cnpg.io/cluster=orders"),
                                (DATABASES, "app=billing")):
        ready_pods(namespace, selector, 1)


def restricted_namespace(name: str) -> None:
    """Makes a namespace with the strictest Pod Security standard."""
    apply(f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{pod-security.kubernetes.io/enforce: restricted}}}}\n")


def make_secrets(world: World) -> None:
    """Makes the Secrets that values-prod.yaml names."""
    certificate, key = world.make_certificate("ingress", HOST)
    secrets = (
        ("generic", f"{RELEASE}-database", f"--from-literal=password={world.database_password}", f"--from-file=ca.crt={world.authority}"),
        ("generic", f"{RELEASE}-store", "--from-literal=AWS_ACCESS_KEY_ID=cluster-test",
         f"--from-literal=AWS_SECRET_ACCESS_KEY={world.s3_secret_key}"),
        ("tls", f"{RELEASE}-tls", f"--cert={certificate}", f"--key={key}"),
        ("generic", f"{RELEASE}-monitor", "--from-literal=username=monitor", f"--from-literal=password={world.monitor_password}"),
    )
    for secret in secrets:
        kubectl("--namespace", NAMESPACE, "create", "secret", *secret)
    if not world.discovery:
        kubectl("--namespace", NAMESPACE, "create", "secret", *billing_login(world))


def billing_login(world: World) -> tuple[str, ...]:
    """The Secret of the named server with its own login (targets-values.yaml)."""
    return "generic", "billing-login", f"--from-literal=pg_service.conf=[billing]\nuser=monitor\npassword={world.monitor_password}\n"


def values(world: World) -> list[str]:
    """The values files of this run."""
    watched = "discovery-values.yaml" if world.discovery else "targets-values.yaml"
    files = (world.chart / "values-prod.yaml", MANIFESTS / "values.yaml", MANIFESTS / watched)
    return [f"--values={file}" for file in files]


def upgrade(world: World, *settings: str) -> None:
    """`helm upgrade` with the values and these settings."""
    helm("upgrade", RELEASE, str(world.chart), "--namespace", NAMESPACE, *values(world), *(f"--set={setting}" for setting in settings))


@scenario("helm install with the production values: everything is Running and Ready in under 5 minutes", needed=True)
def install(world: World) -> None:
    """A namespace with the restricted Pod Security standard, Secrets, one command."""
    restricted_namespace(NAMESPACE)
    make_secrets(world)
    began = time.monotonic()
    helm("install", RELEASE, str(world.chart), "--namespace", NAMESPACE, *values(world))
    ready_pods(NAMESPACE, BACKENDS, 3)
    ready_pods(NAMESPACE, COLLECTORS, world.collectors)
    took = time.monotonic() - began
    world.note(f"3 of 3 backends and {'a collector on every node' if world.discovery else 'the collector'} ready after {took:.0f} s")
    if took > INSTALLED_WITHIN_S:
        raise Wrong(f"the installation took {took:.0f} s, more than {INSTALLED_WITHIN_S} s")


def healthy(world: World, api: Api, way: str) -> None:
    """Checks that /api/v1/health answers with version and timestamp."""
    answer = api.request("GET", "/api/v1/health")
    if answer.get("status") != "ok" or not answer.get("version") or not answer.get("timestamp"):
        raise Wrong(f"/api/v1/health through {way} answers {answer}")
    world.note(f"{way}: version {answer['version']} at {answer['timestamp']}")


@scenario("ClusterIP, NodePort and port-forward answer /api/v1/health with version and timestamp")
def reached(world: World) -> None:
    """The three ways without an ingress controller."""
    service = f"{RELEASE}-backend"
    port = get(NAMESPACE, "service", service)["spec"]["ports"][0]["port"]
    healthy(world, Api(f"http://{world.cluster_ip(NAMESPACE, service)}:{port}"), "ClusterIP")
    healthy(world, Api(f"http://{world.node_address}:{NODE_PORT}"), "NodePort")
    with port_forward(NAMESPACE, f"service/{service}", port) as local:
        healthy(world, Api(f"http://127.0.0.1:{local}"), "port-forward")


@scenario("the cluster's DNS knows the names of the Services")
def names(world: World) -> None:
    """Asks from a pod, like a collector."""
    name = f"{RELEASE}-backend.{NAMESPACE}.svc.cluster.local"
    security = {"runAsNonRoot": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "RuntimeDefault"}}
    apply(f"""apiVersion: v1
kind: Pod
metadata: {{name: asks-dns, namespace: {DATABASES}}}
spec:
  restartPolicy: Never
  containers:
    - {{name: ask, image: "{world.image_prefix}/busybox:1", imagePullPolicy: IfNotPresent, args: [nslookup, "{name}"], securityContext: {str(security).replace("True", "true").replace("False", "false")}}}
""")
    until("the pod to end", lambda: get(DATABASES, "pod", "asks-dns")["status"]["phase"] in ("Succeeded", "Failed"))
    answer = logs(DATABASES, "asks-dns", "ask")
    kubectl("--namespace", DATABASES, "delete", "pod", "asks-dns")
    address = world.cluster_ip(NAMESPACE, f"{RELEASE}-backend")
    if address not in answer:
        raise Wrong(f"{name} does not resolve to {address}: {answer}")
    world.note(f"{name} resolves to {address}")


@scenario("the ingress controller answers HTTPS with the right certificate, and redirects HTTP to HTTPS")
def through_ingress(world: World) -> None:
    """Checks TLS like a browser: authority, name, dates."""
    secure = Api(f"https://{HOST}", address=world.node_address, authority=world.authority)
    answer = until("the ingress controller to know the host", lambda: (found := secure.ask("GET", "/api/v1/health")).status == 200 and found)
    names = [value for kind, value in (answer.certificate or {}).get("subjectAltName", ()) if kind == "DNS"]
    if names != [HOST]:
        raise Wrong(f"the certificate is for {names}, not for {HOST}")
    healthy(world, secure, "ingress")
    plain = Api(f"http://{HOST}", address=world.node_address)
    sent = until("HTTP to be redirected", lambda: (found := plain.ask("GET", "/some/path")).status in (301, 308) and found)
    if sent.headers.get("location") != f"https://{HOST}/some/path":
        raise Wrong(f"HTTP is redirected to {sent.headers.get('location')}")
    world.note(f"HTTP answers {sent.status} with {sent.headers['location']}")


@scenario("helm test passes")
def helm_test(world: World) -> None:
    """The chart's own hooks."""
    answer = helm("test", RELEASE, "--namespace", NAMESPACE, "--timeout", "3m")
    world.note(" ".join(line.strip() for line in answer.splitlines() if line.startswith(("TEST SUITE", "Phase"))))


@scenario("no log has an error")
def no_error(world: World) -> None:
    """In the log of every container of the namespace. A restarted container fails too."""
    lines = 0
    for pod in pods(NAMESPACE, f"app.kubernetes.io/instance={RELEASE}"):
        name = pod["metadata"]["name"]
        states = pod["status"].get("initContainerStatuses", []) + pod["status"].get("containerStatuses", [])
        for state in states:
            text = logs(NAMESPACE, name, state["name"])
            if state["restartCount"]:
                raise Wrong(f"{name}: {state['name']} was restarted {state['restartCount']} times: "
                            f"{logs(NAMESPACE, name, state['name'], previous=True)[-500:]}")
            lines += len(text.splitlines())
            errors = [line for line in text.splitlines() if '"level":"ERROR"' in line or " ERROR " in line]
            if errors:
                raise Wrong(f"{name}: {state['name']} logged {len(errors)} errors, the first: {errors[0][:600]}")
    world.note(f"{lines} lines")


