"""Disturbances under load: deleted pods, rolling upgrades, scaling, network cuts. No row is lost, and every request succeeds, at the latest when it is
asked again."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from .installing import upgrade
from ..kubernetes import Wrong, apply, get, kubectl, pods, ready_pods, until
from ..load import Load
from ..scenario import scenario
from ..world import BACKENDS, COLLECTORS, NAMESPACE, RELEASE, World

STATEFUL_SET = f"{RELEASE}-backend"


def judged(world: World, load: Load) -> None:
    """Judges the requests and the rows."""
    world.note(load.judge())
    if world.ledger:
        world.note(world.ledger.judge(world.api))


@scenario("a backend pod that is deleted under load is replaced; no row is lost")
def pod_deleted(world: World) -> None:
    """First with a grace period, then without one, as when a node dies."""
    with Load(world.api) as load:
        for name, force in ((f"{STATEFUL_SET}-1", []), (f"{STATEFUL_SET}-2", ["--grace-period=0", "--force"])):
            before = get(NAMESPACE, "pod", name)["metadata"]["uid"]
            kubectl("--namespace", NAMESPACE, "delete", "pod", name, "--wait=false", *force)
            until(f"another {name}", lambda name=name, before=before: get(NAMESPACE, "pod", name)["metadata"]["uid"] != before)
            ready_pods(NAMESPACE, BACKENDS, 3)
    judged(world, load)


@scenario("an upgrade rolls out under load")
def upgraded(world: World) -> None:
    """A setting for which every backend must restart. The disruption budget keeps two backends at any moment."""
    before = {pod["metadata"]["uid"] for pod in pods(NAMESPACE, BACKENDS)}
    with Load(world.api) as load:
        upgrade(world, "backend.config.maxRows=20000")
        kubectl("--namespace", NAMESPACE, "rollout", "status", f"statefulset/{STATEFUL_SET}", "--timeout=280s")
        after = ready_pods(NAMESPACE, BACKENDS, 3)
    if before & {pod["metadata"]["uid"] for pod in after}:
        raise Wrong("a pod from before the upgrade is still there")
    judged(world, load)


@scenario("Secrets that the bootstrap Job made are the same after the upgrade")
def secrets_kept(world: World) -> None:
    """The admin's password is still valid."""
    world._api = None  # noqa: SLF001
    world.api.request("GET", "/api/v1/auth/me")
    made = [item["metadata"]["name"] for item in get(NAMESPACE, "secrets")["items"]]
    world.note(f"signed in with the password from before; Secrets: {', '.join(sorted(made))}")


@scenario("a backend that hangs fails its liveness probe and is restarted; the others answer")
def hangs(world: World) -> None:
    """SIGSTOP from the node: the process exists and does nothing."""
    pod = get(NAMESPACE, "pod", f"{STATEFUL_SET}-0")
    container = pod["status"]["containerStatuses"][0]
    processes = processes_of(container["containerID"].rpartition("/")[2])
    if not processes:
        raise Wrong("the backend's process is not on this machine: run this scenario on the node itself, as `make test-cluster` does")
    with Load(world.api) as load:
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        began = time.monotonic()
        name = f"{STATEFUL_SET}-0"
        until("kubelet to restart the backend", lambda: get(NAMESPACE, "pod", name)["status"]["containerStatuses"][0]["restartCount"] > container["restartCount"])
        world.note(f"restarted {time.monotonic() - began:.0f} s after SIGSTOP")
        ready_pods(NAMESPACE, BACKENDS, 3)
    judged(world, load)


def processes_of(container: str) -> list[int]:
    """The processes of a container, by their cgroup."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            if container in entry.read_text():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


@scenario("backends scale from 3 to 5 to 2 under load")
def scaled(world: World) -> None:
    """With the value `backend.replicas`."""
    with Load(world.api) as load:
        for count in (5, 2, 3):
            began = time.monotonic()
            upgrade(world, f"backend.replicas={count}")
            ready_pods(NAMESPACE, BACKENDS, count)
            world.note(f"{count} backends after {time.monotonic() - began:.0f} s")
    judged(world, load)


@scenario("collectors that a policy cuts off from the backends keep their batches and ship them afterwards")
def cut_off(world: World) -> None:
    """Without the policy that allows the connections, the policy that denies all is in force."""
    name = f"{RELEASE}-collector"
    policy = kubectl("--namespace", NAMESPACE, "get", "networkpolicy", name, "--output", "yaml")
    apply(f"""apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: only-the-databases, namespace: {NAMESPACE}}}
spec:
  podSelector: {{matchLabels: {{pganalytics.io/collector: "true"}}}}
  policyTypes: [Egress]
  egress: [{{ports: [{{port: 5432, protocol: TCP}}]}}]
""")
    kubectl("--namespace", NAMESPACE, "delete", "networkpolicy", name)
    try:
        ledger = world.ledger
        if ledger is None:
            raise Wrong("there is no ledger")
        until("no new rows to arrive", lambda: still(world, 15), patience_s=120)
        behind = ledger.inserted() - ledger.counted(world.api)
        world.note(f"the history is {behind} rows behind")
        for pod in pods(NAMESPACE, COLLECTORS):
            if pod["status"]["containerStatuses"][0]["restartCount"]:
                raise Wrong("a collector was restarted while it was cut off")
    finally:
        apply(policy)
        kubectl("--namespace", NAMESPACE, "delete", "networkpolicy", "only-the-databases")
    world.note(ledger.judge(world.api))


def still(world: World, seconds: float) -> bool:
    """Whether the ledger grows during this time, and its history does not."""
    if world.ledger is None:
        return False
    inserted, counted = world.ledger.inserted(), world.ledger.counted(world.api)
    time.sleep(seconds)
    return world.ledger.counted(world.api) == counted and world.ledger.inserted() > inserted
