"""Users' mistakes: each error names the remedy."""

from __future__ import annotations

import json

from ..api import Api
from .installing import values
from ..kubernetes import Wrong, apply, get, helm, kubectl, logs, pods, ready_pods, until
from .rotating import replace_secret
from ..scenario import scenario
from ..world import COLLECTORS, DATABASES, HOST, MANIFESTS, NAMESPACE, RELEASE, World

TRIAL = "trial"


def refused(what: str, command: list[str], *words: str) -> str:
    """Checks that helm refuses the command, with an error that has these words. Returns the error."""
    try:
        helm(*command)
    except Wrong as error:
        answer = str(error)
        missing = [word for word in words if word not in answer]
        if missing:
            raise Wrong(f"the error for {what} does not name {', '.join(missing)}: {answer}") from error
        return answer
    raise Wrong(f"{what} is not refused")


@scenario("an unknown key in values is refused by name")
def unknown_key(world: World) -> None:
    """A misspelt key must not be ignored."""
    command = ["install", TRIAL, str(world.chart), "--namespace", TRIAL, "--dry-run=client", "--set", "backend.replicsa=5"]
    answer = refused("the key backend.replicsa", command, "replicsa")
    world.note(answer.strip().splitlines()[-1].strip()[:200])


@scenario("a password in values is refused")
def password_in_values(world: World) -> None:
    """Except for development."""
    command = ["install", TRIAL, str(world.chart), "--namespace", TRIAL, "--dry-run=client", "--set",
               "database.url=postgresql://pganalytics:hunter2@db/pganalytics"]
    answer = refused("a password in database.url", command, "database")
    world.note(answer.strip().splitlines()[-1].strip()[:200])


def trial_values(world: World, *, database_password: str | None, host: str = "database.services.svc") -> list[str]:
    """The values of a second release with one backend, in its own namespace."""
    kubectl("create", "namespace", TRIAL)
    settings = {
        "backend": {"replicas": 1, "service": {"type": "ClusterIP", "nodePort": None}, "podDisruptionBudget": {"enabled": False}},
        "database": {"url": f"postgresql://pganalytics@{host}:5432/pganalytics?sslmode=require", "existingSecret": "given"},
        "store": {"url": "database", "existingSecret": ""},
        "ingress": {"enabled": False},
        "collector": {"discovery": {"enabled": False}, "targets": []},
        "monitoring": {"serviceMonitor": {"enabled": False}, "podMonitor": {"enabled": False}, "prometheusRule": {"enabled": False},
                       "dashboards": {"enabled": False}},
    }
    if database_password is not None:
        kubectl("--namespace", TRIAL, "create", "secret", "generic", "given", f"--from-literal=password={database_password}")
    file = world.folder / "trial.json"
    file.write_text(json.dumps(settings))
    return [*values(world), f"--values={file}"]


def end_trial() -> None:
    """Removes the second release and its namespace."""
    helm("uninstall", TRIAL, "--namespace", TRIAL, "--ignore-not-found", "--wait", "--timeout", "4m")
    kubectl("delete", "namespace", TRIAL, "--ignore-not-found")


def trial_pod() -> dict:
    """The backend of the second release."""
    return pods(TRIAL, "app.kubernetes.io/component=backend")[0]


def migrate_log() -> str:
    """The log of its init container, also from before a restart."""
    name = trial_pod()["metadata"]["name"]
    text = logs(TRIAL, name, "migrate")
    state = trial_pod()["status"]["initContainerStatuses"][0]
    return text + (logs(TRIAL, name, "migrate", previous=True) if state["restartCount"] else "")


def migrate_line(words: str) -> str | None:
    """The first line of that log with these words."""
    return next((line[:300] for line in migrate_log().splitlines() if words in line), None)


@scenario("a pod that waits for a missing Secret names the Secret")
def missing_secret(world: World) -> None:
    """The pod starts as soon as the Secret exists."""
    try:
        helm("install", TRIAL, str(world.chart), "--namespace", TRIAL, *trial_values(world, database_password=None))
        until("an event that names the Secret", lambda: any(
            'secret "given" not found' in event.get("message", "") for event in get(TRIAL, "events")["items"]))
        world.note('the pod\'s event: secret "given" not found')
        kubectl("--namespace", TRIAL, "create", "secret", "generic", "given", f"--from-literal=password={world.database_password}")
        ready_pods(TRIAL, "app.kubernetes.io/component=backend", 1)
    finally:
        end_trial()


@scenario("the init container waits for a database that does not exist yet, with a clear log, and then goes on")
def database_later(world: World) -> None:
    """The database's Service is made while the init container waits."""
    try:
        arguments = trial_values(world, database_password=world.database_password, host="later.services.svc")
        helm("install", TRIAL, str(world.chart), "--namespace", TRIAL, *arguments)
        world.note(until("the init container to log what it waits for", lambda: migrate_line("later.services.svc")))
        apply("""apiVersion: v1
kind: Service
metadata: {name: later, namespace: services}
spec: {selector: {app: database}, ports: [{name: postgres, port: 5432, targetPort: postgres}]}
""")
        ready_pods(TRIAL, "app.kubernetes.io/component=backend", 1)
    finally:
        kubectl("--namespace", "services", "delete", "service", "later", "--ignore-not-found")
        end_trial()


@scenario("the init container logs that the database refuses the password, without the password")
def wrong_password(world: World) -> None:
    """The log names the user and the remedy."""
    wrong = "wrong-and-secret"
    try:
        helm("install", TRIAL, str(world.chart), "--namespace", TRIAL, *trial_values(world, database_password=wrong))
        world.note(until("the refusal in the log", lambda: migrate_line("password authentication failed")))
        if wrong in migrate_log():
            raise Wrong("the password is in the log")
    finally:
        end_trial()


@scenario("clients refuse an expired certificate of the ingress, and say that it has expired")
def expired(world: World) -> None:
    """Checks the error of a client that verifies certificates."""
    made, key = world.make_certificate("expired", HOST, days=-1)
    api = Api(f"https://{HOST}", address=world.node_address, authority=world.authority)
    try:
        replace_secret("tls", f"{RELEASE}-tls", f"--cert={made}", f"--key={key}")

        def trouble() -> str | None:
            try:
                api.ask("GET", "/livez")
            except OSError as error:
                return str(error) if "expired" in str(error) else None
            return None

        world.note(until("a client to refuse the certificate", trouble)[:200])
    finally:
        made, key = world.make_certificate("again", HOST)
        replace_secret("tls", f"{RELEASE}-tls", f"--cert={made}", f"--key={key}")
        until("the good certificate to be served again", lambda: api.ask("GET", "/livez").status == 200)


@scenario("a pod with the labels of CloudNativePG that is no PostgreSQL is reported, and affects no other pod")
def no_postgres(world: World) -> None:
    """The pod accepts connections on 5432 and answers like a web server."""
    if not world.discovery:
        world.note("not in this run: collectors read named servers, and no labels")
        return
    apply((MANIFESTS / "impostor.yaml").read_text().replace("@IMAGE_PREFIX@", world.image_prefix))
    try:
        ready_pods(DATABASES, "app=impostor", 1)
        kubectl("--namespace", DATABASES, "label", "pod", "impostor", "cnpg.io/cluster=impostor", "cnpg.io/podRole=instance",
                "cnpg.io/instanceRole=primary")
        world.note(until("a collector to log that the pod is not PostgreSQL", lambda: next(
            (line[:400] for pod in pods(NAMESPACE, COLLECTORS) for line in logs(NAMESPACE, pod["metadata"]["name"], "collector").splitlines()
             if "impostor" in line and "is not PostgreSQL" in line), None)))
        shown = [row[0] for row in world.api.sql("select server from pganalytics_fleet") if "impostor" in row[0]]
        if shown:
            raise Wrong(f"the pod is shown as a server: {shown}")
        if world.ledger:
            world.note(world.ledger.judge(world.api))
    finally:
        kubectl("--namespace", DATABASES, "delete", "pod", "impostor", "--ignore-not-found")


