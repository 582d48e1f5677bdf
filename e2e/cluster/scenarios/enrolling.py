"""How collectors come to what they ship with: by the ServiceAccount they run as, as values-prod.yaml has it, or by one token for all; and the
TLS of their own port."""

from __future__ import annotations

import dataclasses
import secrets
import uuid

from ..api import Answer, Api
from .installing import upgrade
from ..kubernetes import Wrong, exists, get, kubectl, pods, port_forward, ready_pods, until
from ..ledger import Ledger
from .rotating import look_again, replace_secret, restarts
from ..scenario import scenario
from ..world import BACKENDS, COLLECTORS, NAMESPACE, RELEASE, World

ACCOUNT = f"{RELEASE}-collector"
AUDIENCE = "pganalytics-backend"
# The collectors' Service, whose name their certificate has, and its port.
SERVICE = f"{RELEASE}-collector.{NAMESPACE}.svc"
PORT = 8081
METRICS_TLS = f"{RELEASE}-metrics-tls"


def collectors(world: World) -> dict[str, dict]:
    """Those that the backends know, by id."""
    return {entry["id"]: entry for entry in world.api.request("GET", "/api/v1/collectors")}


def enrol(world: World, account: str, audience: str) -> Answer:
    """What the backends answer to a token of this account for this audience. They enrol nobody: it is only asked whether they would."""
    token = kubectl("--namespace", NAMESPACE, "create", "token", account, f"--audience={audience}", "--duration=10m").strip()
    body = {"collector": str(uuid.uuid4()), "name": "asks", "version": "0", "credential_sha256": secrets.token_hex(32), "dry_run": True}
    return dataclasses.replace(world.api, token=token, retried=[]).ask("POST", "/api/v1/collectors/enrol", body)


@scenario("collectors are enrolled by the ServiceAccount they run as; a token of another account, or for somebody else, opens nothing")
def by_service_account(world: World) -> None:
    """There is no token for all in any Secret either."""
    known = collectors(world).values()
    with_token = [entry["name"] for entry in known if entry["credential"]["kind"] != "own"]
    if with_token or not any(entry["rows"] for entry in known):
        raise Wrong(f"{len(known)} collectors are known, of which these ship without a credential of their own: {', '.join(with_token)}")
    if exists(NAMESPACE, "secret", f"{RELEASE}-collector"):
        raise Wrong(f"the Secret {RELEASE}-collector was made, with a token that nobody needs")
    for account, audience, status in ((ACCOUNT, AUDIENCE, 200), ("default", AUDIENCE, 403), (ACCOUNT, "somebody-else", 401)):
        answer = enrol(world, account, audience)
        if answer.status != status:
            raise Wrong(f"a token of {account} for {audience} is answered {answer.status}, not {status}: {answer.body[:300]!r}")
    world.note(f"{len(known)} collectors with credentials of their own; other accounts are answered 403, other audiences 401")


def replace_collectors(world: World, *settings: str) -> None:
    """An upgrade that replaces the collectors' pods, until the new ones are ready. Rows are counted from one reading to the next, so what is
    inserted between the last of the old pods and the first of the new ones is in no ledger."""
    if world.ledger:
        world.ledger.pause()
        world.ledger = None
    before = {pod["metadata"]["uid"] for pod in pods(NAMESPACE, COLLECTORS)}
    upgrade(world, *settings)
    until("the collectors of before to be gone", lambda: not before & {pod["metadata"]["uid"] for pod in pods(NAMESPACE, COLLECTORS)})
    ready_pods(NAMESPACE, COLLECTORS, world.collectors)
    kubectl("--namespace", NAMESPACE, "rollout", "status", f"statefulset/{RELEASE}-backend", "--timeout=280s")
    ready_pods(NAMESPACE, BACKENDS, 3)


def enrolled_anew(world: World, kind: str, *settings: str) -> None:
    """Replaces the collectors, and judges by a new ledger that they ship, with what they are to ship with."""
    before = set(collectors(world))
    replace_collectors(world, *settings)

    def registered() -> bool:
        new = [entry for key, entry in collectors(world).items() if key not in before and entry["rows"]]
        wrong = [f"{entry['name']} ({entry['credential']['kind']})" for entry in new if entry["credential"]["kind"] != kind]
        if wrong:
            raise Wrong(f"these ship with something else: {', '.join(wrong)}")
        return len(new) == world.collectors

    until(f"{world.collectors} new collectors whose rows arrive, with a credential of the kind '{kind}'", registered)
    ledger = Ledger(world.target("orders"), world.server("orders"), f"ledger_of_{kind}")
    world.ledger = ledger
    ledger.open(world.api)
    until("a hundred rows", lambda: ledger.inserted() > 100)
    world.note(f"{world.collectors} new collectors of the kind '{kind}'; {ledger.judge(world.api)}")


@scenario("an upgrade to one token for all collectors, and one back to ServiceAccounts: each time they are registered and their rows arrive")
def method_changed(world: World) -> None:
    """The token's Secret is the bootstrap Job's; going back, it stays, and nobody shows it."""
    try:
        enrolled_anew(world, "token", "collector.enrolment.method=token")
    finally:
        enrolled_anew(world, "own")


@scenario("collectors serve their metrics over HTTPS, are probed so, and take a renewed certificate without a restart")
def metrics_over_tls(world: World) -> None:
    """The certificate is for the collectors' Service; each pod is asked by itself, as Prometheus does."""
    renew(world, "metrics")
    try:
        replace_collectors(world, "collector.tls.enabled=true", f"collector.tls.existingSecret={METRICS_TLS}")
        monitor = get(NAMESPACE, "podmonitors.monitoring.coreos.com", f"{RELEASE}-collector")["spec"]["podMetricsEndpoints"][0]
        if monitor["scheme"] != "https" or monitor["tlsConfig"]["serverName"] != SERVICE:
            raise Wrong(f"Prometheus is told {monitor}")
        served = {pod["metadata"]["name"]: metrics(world, pod["metadata"]["name"]) for pod in pods(NAMESPACE, COLLECTORS)}
        before = restarts(COLLECTORS)
        renew(world, "metrics-renewed")
        look_again(COLLECTORS)
        for name, serial in served.items():
            until(f"{name} to serve the new certificate", lambda name=name, serial=serial: metrics(world, name) != serial)
        if restarts(COLLECTORS) != before:
            raise Wrong("a collector was restarted or replaced")
        world.note(f"{len(served)} collectors serve /metrics over HTTPS for {SERVICE}, and the renewed certificate")
    finally:
        replace_collectors(world)
        kubectl("--namespace", NAMESPACE, "delete", "secret", METRICS_TLS, "--ignore-not-found")


def renew(world: World, name: str) -> None:
    """A new certificate for the collectors' Service into its Secret, as cert-manager would write it."""
    certificate, key = world.make_certificate(name, SERVICE)
    replace_secret("generic", METRICS_TLS, "--type=kubernetes.io/tls", f"--from-file=tls.crt={certificate}", f"--from-file=tls.key={key}",
                   f"--from-file=ca.crt={world.authority}")


def metrics(world: World, pod: str) -> str:
    """Reads a collector's metrics; the serial number of the certificate that they came with."""
    with port_forward(NAMESPACE, f"pod/{pod}", PORT) as local:
        answer = Api(f"https://{SERVICE}:{local}", address="127.0.0.1", authority=world.authority).ask("GET", "/metrics")
    if answer.status != 200 or b"pganalytics_collector_" not in answer.body:
        raise Wrong(f"{pod} answers {answer.status} to GET /metrics: {answer.body[:300]!r}")
    return str((answer.certificate or {}).get("serialNumber"))
