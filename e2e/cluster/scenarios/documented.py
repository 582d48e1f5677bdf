"""Follows the deployment document by copying: runs every block that is marked `test=cluster`, unchanged and in the reader's order, from an empty cluster to a
healthy installation and back. Fills in what a reader fills in: passwords, a certificate, and the names in mine.yaml."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..api import Api
from ..kubernetes import Wrong, apply, kubectl, pods, ready_pods, run, secret_value, until
from ..ledger import Database
from ..scenario import scenario
from ..world import BACKENDS, CHECKOUT, COLLECTORS, DATABASES, HOST, NAMESPACE, RELEASE, SERVICES, World

DOCUMENT = CHECKOUT / "kubernetes/KUBERNETES_DEPLOYMENT.md"
# Some of the document's helm commands wait for ten minutes.
COMMAND_S = 660
# The local end of the document's port-forward.
LOCAL = "http://127.0.0.1:8080"


@dataclass
class Reader:
    """A reader of the document, who knows which blocks have been run."""

    blocks: list[tuple[str, str, str]]
    done: set[int] = field(default_factory=set)

    def find(self, section: str, language: str) -> list[int]:
        """The indexes of a section's blocks."""
        found = [at for at, (of, kind, _) in enumerate(self.blocks) if (of, kind) == (section, language)]
        if not found:
            raise Wrong(f"{DOCUMENT.name} has no block of {language} under '{section}'")
        return found

    def text(self, section: str, language: str) -> str:
        """The first block of this language in a section."""
        return self.blocks[self.find(section, language)[0]][2]

    def command(self, section: str, nth: int = 0) -> str:
        """A block of commands. Marks it as run."""
        at = self.find(section, "sh test=cluster")[nth]
        self.done.add(at)
        return self.blocks[at][2]

    def left(self) -> list[str]:
        """The first line of each block that has not been run."""
        return [text.splitlines()[0] for at, (_, kind, text) in enumerate(self.blocks) if kind == "sh test=cluster" and at not in self.done]


def read(document: str) -> Reader:
    """The document's code blocks, each with the heading above it."""
    section, blocks = "", []
    for heading, kind, text in re.findall(r"^#+ ([^\n]+)$|^```(\w[^\n]*)\n(.*?)^```$", document, flags=re.MULTILINE | re.DOTALL):
        if heading:
            section = heading
        else:
            blocks.append((section, kind, text))
    return Reader(blocks)


READER = read(DOCUMENT.read_text())


def copy(world: World, command: str) -> str:
    """Runs commands of the document unchanged, in the reader's folder. Returns their output."""
    return run("bash", "-euo", "pipefail", "-c", f"cd {folder(world)}\n{environment(world)}\n{command}", timeout_s=COMMAND_S)


def folder(world: World) -> Path:
    """The reader's folder: the files that the document names, and a certificate."""
    place = world.folder / "reader"
    if not place.exists():
        place.mkdir()
        for name in ("helm", "scripts"):
            (place / name).symlink_to(CHECKOUT / name)
        shutil.copytree(CHECKOUT / "kubernetes", place / "kubernetes")
        certificate, key = world.make_certificate("reader", HOST)
        shutil.copy(certificate, place / "tls.crt")
        shutil.copy(key, place / "tls.key")
        world.make_revocations(place / "ca.crl")
    return place


def environment(world: World) -> str:
    """The variables of the document's commands."""
    variables = {
        "DATABASE_PASSWORD": world.database_password, "MONITOR_PASSWORD": world.monitor_password,
        "ACCESS_KEY": "cluster-test", "SECRET_KEY": world.s3_secret_key, "NODE": world.node_address,
    }
    return "export " + " ".join(f"{name}='{value}'" for name, value in variables.items())


def new_database(world: World) -> None:
    """Makes the roles and the database with the document's statements, on servers without them."""
    on_meta, on_each = READER.text("Three backends", "sql").split("\n\n")
    meta = world.meta_store()
    for statement in ("drop database if exists pganalytics with (force)", "drop role if exists pganalytics"):
        meta.sql(statement)
    run_statements(meta, on_meta, world.database_password)
    for name in ("orders", "billing"):
        target = world.target(name)
        if target.sql("select count(*) from pg_roles where rolname = 'pganalytics'") == "0":
            run_statements(target, on_each, world.monitor_password)
    # The document's name of the meta store.
    apply(f"apiVersion: v1\nkind: Service\nmetadata: {{name: pganalytics-db-rw, namespace: {DATABASES}}}\n"
          f"spec: {{type: ExternalName, externalName: database.{SERVICES}.svc.cluster.local}}\n")


def run_statements(database: Database, statements: str, secret: str) -> None:
    """Runs statements of the document, one per line, with the password in place of `…`."""
    for line in statements.splitlines():
        database.sql(line.split("--")[0].replace("…", secret))


def no_namespace() -> None:
    """Removes the namespace with everything that an earlier installation left."""
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=true")


@contextmanager
def in_background(world: World, command: str) -> Iterator[None]:
    """Runs commands of which the last one does not end by itself."""
    whole = f"cd {folder(world)}\n{command}"
    with subprocess.Popen(["bash", "-euo", "pipefail", "-c", whole], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          process_group=0) as process:
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)


@scenario("the commands of the deployment document's quick start give a backend that answers and lets its admin log in")
def quick_start(world: World) -> None:
    """Begins without an installation, and removes it with the document's command."""
    no_namespace()
    copy(world, READER.command("Quick Start"))
    with in_background(world, READER.command("Quick Start", 1)):
        api = Api(LOCAL)
        until("the forwarded port to answer", lambda: api.ask("GET", "/api/v1/health").status == 200)
        api.log_in(secret_value(NAMESPACE, f"{RELEASE}-admin", "password"))
        world.note(f"{LOCAL} answers as {api.request('GET', '/api/v1/auth/me')['name']}")
    left = copy(world, READER.command("Upgrading", 2))
    for kind in (f"secret/{RELEASE}-admin", f"persistentvolumeclaim/data-{RELEASE}-backend-0"):
        if kind not in left:
            raise Wrong(f"{kind} is gone, but the document says that it is left: {left}")


@scenario("the commands of the deployment document's three backends give a healthy installation that watches the servers and is upgraded, rolled back and verified")
def three_backends(world: World) -> None:
    """Runs every command from "Three backends" to "Backup"."""
    no_namespace()
    new_database(world)
    copy(world, READER.command("Three backends"))
    for section in ("TLS", "The object store"):
        copy(world, READER.command(section))
    copy(world, READER.command("Watched servers"))
    mine = READER.text("Three backends", "yaml values=prod")
    for example, ours in (("s3://my-bucket/pganalytics", "s3://history/document"), ('existingSecret: ""', f"existingSecret: {RELEASE}-store"),
                          ("pganalytics.example.com", HOST)):
        if example not in mine:
            raise Wrong(f"the document's mine.yaml has no {example} any more")
        mine = mine.replace(example, ours)
    (folder(world) / "mine.yaml").write_text(
        mine.replace("AWS_REGION: eu-west-1\n", 'AWS_REGION: us-east-1\n    AWS_ENDPOINT: "http://s3.services.svc:7070"\n    AWS_ALLOW_HTTP: "true"\n'))
    copy(world, READER.command("Three backends", 1))
    ready_pods(NAMESPACE, BACKENDS, 3)
    verified(world)
    answer = copy(world, READER.command("Ingress and gateway"))
    if '"status":"ok"' not in answer.replace(" ", ""):
        raise Wrong(f"the node's port answers {answer}")
    doctor = copy(world, READER.command("Watched servers", 1))
    if "may list pods" not in doctor:
        raise Wrong(f"doctor does not list the collector's rights: {doctor}")
    copy(world, READER.command("Troubleshooting"))
    history = copy(world, READER.command("Upgrading"))
    copy(world, READER.command("Upgrading", 1))
    ready_pods(NAMESPACE, BACKENDS, 3)
    revisions = [line for line in history.splitlines() if line[:1].isdigit()]
    world.note(f"{len(revisions)} revisions, rolled back by one")
    world.note(copy(world, READER.command("Backup")).strip().splitlines()[-1])
    copy(world, READER.command("Upgrading", 2))


def verified(world: World) -> None:
    """Runs the checks of "Installation Verification"."""
    shown = copy(world, READER.command("Installation Verification"))
    if "Succeeded" not in shown:
        raise Wrong(f"helm test did not pass: {shown}")
    health = copy(world, READER.command("Installation Verification", 1))
    if '"status":"ok"' not in health.replace(" ", ""):
        raise Wrong(f"the health through the API server is {health}")
    question = READER.command("Installation Verification", 2)

    def both() -> bool:
        answer = copy(world, question)
        absent = [name for name in ("orders", "billing") if name not in answer]
        if absent:
            raise Wrong(f"{', '.join(absent)} not in: {answer}")
        return True

    until("both servers to be collected", both)


@scenario("the plain manifests, filled and applied as in the deployment document, give a healthy installation")
def manifests(world: World) -> None:
    """Fills the Secrets with the scripts. Then every command of the document has been run."""
    no_namespace()
    new_database(world)
    place = folder(world)
    copy(world, "scripts/kubernetes-credentials.sh > kubernetes/secret-credentials.yaml")
    copy(world, "scripts/kubernetes-certificates.sh tls.crt tls.key > kubernetes/secret-tls.yaml")
    (place / "mine").mkdir(exist_ok=True)
    (place / "mine/traefik.yaml").write_text(READER.text("Plain manifests", "yaml file=mine/traefik.yaml"))
    mine = READER.text("Plain manifests", "yaml file=mine/kustomization.yaml")
    (place / "mine/kustomization.yaml").write_text(mine.replace("pganalytics.example.com", HOST))
    copy(world, READER.command("Plain manifests"))
    ready_pods(NAMESPACE, BACKENDS, 3)
    ready_pods(NAMESPACE, COLLECTORS, world.collectors if world.discovery else len(pods(NAMESPACE, COLLECTORS)))
    api = Api(f"https://{HOST}", address=world.node_address, authority=world.authority)
    until("the ingress controller to answer", lambda: api.ask("GET", "/api/v1/health").status == 200)
    api.log_in(secret_value(NAMESPACE, f"{RELEASE}-admin", "password"))
    until("both servers to be watched", lambda: {"orders", "billing"} <= {row[0].rpartition("/")[2].removesuffix("-0") for row in api.sql("select server from pganalytics_fleet where up")})
    copy(world, "kubectl delete --kustomize mine")
    if READER.left():
        raise Wrong(f"these commands of the document were not run: {'; '.join(READER.left())}")
    world.note(f"all {len(READER.done)} command blocks of the document that need a cluster were run unchanged")
