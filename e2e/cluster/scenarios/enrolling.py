"""How collectors get their credentials: by their ServiceAccount, as in values-prod.yaml, or by one token for all. And the TLS of their metrics port."""

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
# The collectors' Service, which is the name in their certificate, and its port.
SERVICE = f"{RELEASE}-collector.{NAMESPACE}.svc"
PORT = 8081
METRICS_TLS = f"{RELEASE}-metrics-tls"


def collectors(world: World) -> dict[str, dict]:
    """The collectors that the backends know, by id."""
    return {entry["id"]: entry for entry in world.api.request("GET", "/api/v1/collectors")}


def enrol(world: World, account: str, audience: str) -> Answer:
    """The backends' answer to a token of this account for this audience. A dry run: no collector is enrolled."""
    token = kubectl("--namespace", NAMESPACE, "create", "token", account, f"--audience={audience}", "--duration=10m").strip()
    body = {"collector": str(uuid.uuid4()), "name": "dry run", "version": "0", "credential_sha256": secrets.token_hex(32), "dry_run": True}
    return dataclasses.replace(world.api, token=token, retried=[]).ask("POST", "/api/v1/collectors/enrol", body)


@scenario("collectors enrol by their ServiceAccount; a token of another account, or for another audience, is refused")
def by_service_account(world: World) -> None:
    """No Secret has a shared token."""
    known = collectors(world).values()
    with_token = [entry["name"] for entry in known if entry["credential"]["kind"] != "own"]
    if with_token or not any(entry["rows"] for entry in known):
        raise Wrong(f"{len(known)} collectors are known; these ship without their own credential: {', '.join(with_token)}")
    if exists(NAMESPACE, "secret", f"{RELEASE}-collector"):
        raise Wrong(f"the Secret {RELEASE}-collector was made, with a token that no collector needs")
    for account, audience, status in ((ACCOUNT, AUDIENCE, 200), ("default", AUDIENCE, 403), (ACCOUNT, "somebody-else", 401)):
        answer = enrol(world, account, audience)
        if answer.status != status:
            raise Wrong(f"a token of {account} for {audience} is answered {answer.status}, not {status}: {answer.body[:300]!r}")
    world.note(f"{len(known)} collectors with their own credentials; other accounts get 403, other audiences 401")


def replace_collectors(world: World, *settings: str) -> None:
    """Upgrades the release so that the collectors' pods are replaced, and waits for the new pods. Rows inserted between the old pods' last reading and the
    new pods' first are not counted, so the ledger ends here."""
    if world.ledger:
        world.ledger.pause()
        world.ledger = None
    before = {pod["metadata"]["uid"] for pod in pods(NAMESPACE, COLLECTORS)}
    upgrade(world, *settings)
    until("the collectors from before to be gone", lambda: not before & {pod["metadata"]["uid"] for pod in pods(NAMESPACE, COLLECTORS)})
    ready_pods(NAMESPACE, COLLECTORS, world.collectors)
    kubectl("--namespace", NAMESPACE, "rollout", "status", f"statefulset/{RELEASE}-backend", "--timeout=280s")
    ready_pods(NAMESPACE, BACKENDS, 3)


def enrolled_anew(world: World, kind: str, *settings: str) -> None:
    """Replaces the collectors, and judges by a new ledger that they ship, with credentials of this kind."""
    before = set(collectors(world))
    replace_collectors(world, *settings)

    def registered() -> bool:
        new = [entry for key, entry in collectors(world).items() if key not in before and entry["rows"]]
        wrong = [f"{entry['name']} ({entry['credential']['kind']})" for entry in new if entry["credential"]["kind"] != kind]
        if wrong:
            raise Wrong(f"these collectors ship with another kind: {', '.join(wrong)}")
        return len(new) == world.collectors

    until(f"rows of {world.collectors} new collectors with a credential of the kind '{kind}'", registered)
    ledger = Ledger(world.target("orders"), world.server("orders"), f"ledger_of_{kind}")
    world.ledger = ledger
    ledger.open(world.api)
    until("a hundred rows", lambda: ledger.inserted() > 100)
    world.note(f"{world.collectors} new collectors of the kind '{kind}'; {ledger.judge(world.api)}")


@scenario("after an upgrade to one token for all collectors, and one back to ServiceAccounts, the new collectors are registered and their rows arrive")
def method_changed(world: World) -> None:
    """The bootstrap Job makes the token's Secret. After the way back the Secret stays and is not used."""
    try:
        enrolled_anew(world, "token", "collector.enrolment.method=token")
    finally:
        enrolled_anew(world, "own")


@scenario("collectors serve metrics and probes over HTTPS, and use a renewed certificate without a restart")
def metrics_over_tls(world: World) -> None:
    """The certificate is for the collectors' Service. The test asks each pod, like Prometheus."""
    renew(world, "metrics")
    try:
        replace_collectors(world, "collector.tls.enabled=true", f"collector.tls.existingSecret={METRICS_TLS}")
        monitor = get(NAMESPACE, "podmonitors.monitoring.coreos.com", f"{RELEASE}-collector")["spec"]["podMetricsEndpoints"][0]
        if monitor["scheme"] != "https" or monitor["tlsConfig"]["serverName"] != SERVICE:
            raise Wrong(f"the PodMonitor has {monitor}")
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
    """Writes a new certificate for the collectors' Service into its Secret, like cert-manager."""
    certificate, key = world.make_certificate(name, SERVICE)
    replace_secret("generic", METRICS_TLS, "--type=kubernetes.io/tls", f"--from-file=tls.crt={certificate}", f"--from-file=tls.key={key}",
                   f"--from-file=ca.crt={world.authority}")


def metrics(world: World, pod: str) -> str:
    """Reads a collector's metrics. Returns the serial number of its certificate."""
    with port_forward(NAMESPACE, f"pod/{pod}", PORT) as local:
        answer = Api(f"https://{SERVICE}:{local}", address="127.0.0.1", authority=world.authority).ask("GET", "/metrics")
    if answer.status != 200 or b"pganalytics_collector_" not in answer.body:
        raise Wrong(f"{pod} answers {answer.status} to GET /metrics: {answer.body[:300]!r}")
    return str((answer.certificate or {}).get("serialNumber"))
