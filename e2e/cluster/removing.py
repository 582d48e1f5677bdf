"""`helm uninstall` leaves nothing but what it says."""

from __future__ import annotations

from .kubernetes import Wrong, get, helm, kubectl, pods, until
from .scenario import scenario
from .world import NAMESPACE, RELEASE, World

KINDS = ("all,configmap,secret,serviceaccount,role,rolebinding,networkpolicy,ingress,poddisruptionbudget,persistentvolumeclaim,"
         "horizontalpodautoscaler")


@scenario("helm uninstall leaves nothing but what it says")
def uninstalled(world: World) -> None:
    """The Secrets that the user and the bootstrap Job made, which NOTES.txt names; and what every namespace has."""
    if world.ledger:
        world.ledger.pause()
    made_by_hand = {f"{RELEASE}-{name}" for name in ("database", "store", "tls", "monitor")}
    helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--wait")
    until("the pods to be gone", lambda: not pods(NAMESPACE, f"app.kubernetes.io/instance={RELEASE}"))
    left = {f"{item['kind']}/{item['metadata']['name']}" for item in get(NAMESPACE, KINDS)["items"]}
    usual = {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default"} | {f"Secret/{name}" for name in made_by_hand}
    said = {item for item in left - usual if item.startswith(f"Secret/{RELEASE}-")}
    if left - usual - said:
        raise Wrong(f"left behind: {', '.join(sorted(left - usual - said))}")
    wide = kubectl("get", "clusterrole,clusterrolebinding", "--selector", f"app.kubernetes.io/instance={RELEASE}", "--output", "name").split()
    if wide:
        raise Wrong(f"left behind in the cluster: {', '.join(wide)}")
    world.note(f"left, as NOTES.txt says: {', '.join(sorted(said)) or 'nothing'}")
