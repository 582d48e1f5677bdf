"""Renewed certificates and passwords are used without a restart and without a failed request."""

from __future__ import annotations

from ..api import Api
from .installing import billing_login, through_ingress
from ..kubernetes import Wrong, apply, kubectl, pods, ready_pods, until
from ..load import Load
from ..scenario import scenario
from ..world import BACKENDS, COLLECTORS, HOST, NAMESPACE, RELEASE, World, password


def serial(world: World) -> str:
    """The serial number of the ingress controller's certificate."""
    answer = Api(f"https://{HOST}", address=world.node_address, authority=world.authority).ask("GET", "/livez")
    return str((answer.certificate or {}).get("serialNumber"))


def restarts(selector: str) -> dict[str, int]:
    """The number of restarts, by pod."""
    return {pod["metadata"]["uid"]: pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods(NAMESPACE, selector)}


def replace_secret(*arguments: str) -> None:
    """Replaces the contents of a Secret."""
    apply(kubectl("--namespace", NAMESPACE, "create", "secret", *arguments, "--dry-run=client", "--output", "yaml"))


def look_again(selector: str) -> None:
    """Makes kubelet update mounted Secrets at once, by a changed annotation. By itself it takes about a minute."""
    for pod in pods(NAMESPACE, selector):
        kubectl("--namespace", NAMESPACE, "annotate", "pod", pod["metadata"]["name"], f"cluster-test/looked={password()[:8]}", "--overwrite")


@scenario("a new TLS Secret is served without a failed request")
def certificate(world: World) -> None:
    """Another certificate of the same authority."""
    before = serial(world)
    made, key = world.make_certificate("renewed", HOST)
    with Load(world.api) as load:
        replace_secret("tls", f"{RELEASE}-tls", f"--cert={made}", f"--key={key}")
        until("the new certificate to be served", lambda: serial(world) != before)
    world.note(load.judge())
    through_ingress(world)


@scenario("after a change of the database's password, backends use the new password without a restart")
def database_password(world: World) -> None:
    """Changes the password in the Secret and at the server. Then ends every session, so that each backend must log in again."""
    before = restarts(BACKENDS)
    world.database_password = password()
    with Load(world.api) as load:
        replace_secret("generic", f"{RELEASE}-database", f"--from-literal=password={world.database_password}",
                       f"--from-file=ca.crt={world.authority}")
        look_again(BACKENDS)
        meta = world.meta_store()
        meta.sql(f"alter role pganalytics password '{world.database_password}'")
        until("sessions with the new password", lambda: signed_in_anew(world))
        ready_pods(NAMESPACE, BACKENDS, 3)
    if restarts(BACKENDS) != before:
        raise Wrong("a backend was restarted or replaced")
    world.note(load.judge())
    if world.ledger:
        world.note(world.ledger.judge(world.api))


def signed_in_anew(world: World) -> bool:
    """Ends all sessions of the backends. Returns whether each backend has a new session."""
    meta = world.meta_store()
    meta.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'pganalytics'")
    world.api.request("GET", "/api/v1/auth/me")
    addresses = {pod["status"]["podIP"] for pod in pods(NAMESPACE, BACKENDS)}
    clients = set(meta.sql("select distinct host(client_addr) from pg_stat_activity where usename = 'pganalytics'").split())
    return addresses <= clients


@scenario("after a change of the watched servers' password, collectors use the new password")
def target_password(world: World) -> None:
    """One Secret is mounted, the other is read through the API. The collectors' sessions are ended too, and statistics go on."""
    new = password()
    for name in ("orders", "billing"):
        world.target(name).sql(f"alter role monitor password '{new}'")
    world.monitor_password = new
    replace_secret("generic", f"{RELEASE}-monitor", "--from-literal=username=monitor", f"--from-literal=password={new}")
    if world.discovery:
        look_again(COLLECTORS)
        apply(kubectl("--namespace", "databases", "create", "secret", "generic", "monitor", "--type=kubernetes.io/basic-auth",
                      "--from-literal=username=monitor", f"--from-literal=password={new}", "--dry-run=client", "--output", "yaml"))
    else:
        # The collector reads the credentials of named servers when it starts.
        replace_secret(*billing_login(world))
        kubectl("--namespace", NAMESPACE, "rollout", "restart", f"deployment/{RELEASE}-collector-remote")
        kubectl("--namespace", NAMESPACE, "rollout", "status", f"deployment/{RELEASE}-collector-remote", "--timeout=120s")
    for name in ("orders", "billing"):
        world.target(name).sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'monitor'")
        until(f"{name} to be watched with the new password", lambda name=name: world.target(name).sql(
            "select count(*) from pg_stat_activity where usename = 'monitor'") != "0")
        up = f"select count(*) from pganalytics_fleet where up and server = '{world.server(name)}'"
        until(f"{name} to be shown as up", lambda up=up: world.api.integer(up))
    if world.discovery and any(restarts(COLLECTORS).values()):
        raise Wrong("a collector was restarted")
