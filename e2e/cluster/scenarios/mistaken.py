"""What people get wrong: each has an answer that names the remedy."""

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
    """helm must refuse this, and its answer must have these words."""
    try:
        helm(*command)
    except Wrong as error:
        answer = str(error)
        missing = [word for word in words if word not in answer]
        if missing:
            raise Wrong(f"{what} is refused without a word of {', '.join(missing)}: {answer}") from error
        return answer
    raise Wrong(f"{what} is not refused")


@scenario("values with an unknown key are refused by name")
def unknown_key(world: World) -> None:
    """A misspelt key is no setting."""
    command = ["install", TRIAL, str(world.chart), "--namespace", TRIAL, "--dry-run=client", "--set", "backend.replicsa=5"]
    answer = refused("the key backend.replicsa", command, "replicsa")
    world.note(answer.strip().splitlines()[-1].strip()[:200])


@scenario("a password in values is refused")
def password_in_values(world: World) -> None:
    """Outside development."""
    command = ["install", TRIAL, str(world.chart), "--namespace", TRIAL, "--dry-run=client", "--set",
               "database.url=postgresql://pganalytics:hunter2@db/pganalytics"]
    answer = refused("a password in database.url", command, "database")
    world.note(answer.strip().splitlines()[-1].strip()[:200])


def trial_values(world: World, *, database_password: str | None, host: str = "database.services.svc") -> list[str]:
    """A second release, of one backend, in a namespace of its own."""
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
    """Removes the second release with its namespace."""
    helm("uninstall", TRIAL, "--namespace", TRIAL, "--ignore-not-found", "--wait", "--timeout", "4m")
    kubectl("delete", "namespace", TRIAL, "--ignore-not-found")


def trial_pod() -> dict:
    """The one backend of the second release."""
    return pods(TRIAL, "app.kubernetes.io/component=backend")[0]


def migrate_log() -> str:
    """What its init container has said, before a restart too."""
    name = trial_pod()["metadata"]["name"]
    text = logs(TRIAL, name, "migrate")
    state = trial_pod()["status"]["initContainerStatuses"][0]
    return text + (logs(TRIAL, name, "migrate", previous=True) if state["restartCount"] else "")


def migrate_said(words: str) -> str | None:
    """The first line of it with these words."""
    return next((line[:300] for line in migrate_log().splitlines() if words in line), None)


@scenario("a missing Secret is named by the pod that waits for it")
def missing_secret(world: World) -> None:
    """And the pod starts as soon as it is there."""
    try:
        helm("install", TRIAL, str(world.chart), "--namespace", TRIAL, *trial_values(world, database_password=None))
        until("an event that names the Secret", lambda: any(
            'secret "given" not found' in event.get("message", "") for event in get(TRIAL, "events")["items"]))
        world.note('the pod\'s event: secret "given" not found')
        kubectl("--namespace", TRIAL, "create", "secret", "generic", "given", f"--from-literal=password={world.database_password}")
        ready_pods(TRIAL, "app.kubernetes.io/component=backend", 1)
    finally:
        end_trial()


@scenario("a database that is not there yet is waited for, with a clear log, and then all goes on")
def database_later(world: World) -> None:
    """Its Service comes into being while the init container waits."""
    try:
        arguments = trial_values(world, database_password=world.database_password, host="later.services.svc")
        helm("install", TRIAL, str(world.chart), "--namespace", TRIAL, *arguments)
        world.note(until("the init container to say what it waits for", lambda: migrate_said("later.services.svc")))
        apply("""apiVersion: v1
kind: Service
metadata: {name: later, namespace: services}
spec: {selector: {app: database}, ports: [{name: postgres, port: 5432, targetPort: postgres}]}
""")
        ready_pods(TRIAL, "app.kubernetes.io/component=backend", 1)
    finally:
        kubectl("--namespace", "services", "delete", "service", "later", "--ignore-not-found")
        end_trial()


@scenario("a wrong password for the database is said in the log of the init container, without the password")
def wrong_password(world: World) -> None:
    """It names the user and what to look at."""
    wrong = "wrong-and-secret"
    try:
        helm("install", TRIAL, str(world.chart), "--namespace", TRIAL, *trial_values(world, database_password=wrong))
        world.note(until("the refusal in the log", lambda: migrate_said("password authentication failed")))
        if wrong in migrate_log():
            raise Wrong("the password is in the log")
    finally:
        end_trial()


@scenario("an expired certificate of the ingress is refused by clients, and said with its date")
def expired(world: World) -> None:
    """What a browser and a collector say then."""
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

        world.note(until("a client to refuse it", trouble)[:200])
    finally:
        made, key = world.make_certificate("again", HOST)
        replace_secret("tls", f"{RELEASE}-tls", f"--cert={made}", f"--key={key}")
        until("the good certificate to be served again", lambda: api.ask("GET", "/livez").status == 200)


@scenario("a pod that has the labels of CloudNativePG and is no PostgreSQL is said, and harms nobody")
def no_postgres(world: World) -> None:
    """It takes connections on 5432 and answers as a web server does."""
    if not world.discovery:
        world.note("collectors read named servers in this run, so no label is looked at")
        return
    apply((MANIFESTS / "impostor.yaml").read_text().replace("@IMAGE_PREFIX@", world.image_prefix))
    try:
        ready_pods(DATABASES, "app=impostor", 1)
        kubectl("--namespace", DATABASES, "label", "pod", "impostor", "cnpg.io/cluster=impostor", "cnpg.io/podRole=instance",
                "cnpg.io/instanceRole=primary")
        world.note(until("a collector to say that it is no PostgreSQL", lambda: next(
            (line[:400] for pod in pods(NAMESPACE, COLLECTORS) for line in logs(NAMESPACE, pod["metadata"]["name"], "collector").splitlines()
             if "impostor" in line and "is no PostgreSQL" in line), None)))
        shown = [row[0] for row in world.api.sql("select server from pganalytics_fleet") if "impostor" in row[0]]
        if shown:
            raise Wrong(f"it is shown as a server: {shown}")
        if world.ledger:
            world.note(world.ledger.judge(world.api))
    finally:
        kubectl("--namespace", DATABASES, "delete", "pod", "impostor", "--ignore-not-found")


