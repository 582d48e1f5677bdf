"""`helm uninstall` leaves nothing but what it says."""

from __future__ import annotations

from ..kubernetes import Wrong, get, helm, kubectl, pods, until
from ..scenario import scenario
from ..world import NAMESPACE, RELEASE, World

KINDS = ("all,configmap,secret,serviceaccount,role,rolebinding,networkpolicy,ingress,poddisruptionbudget,persistentvolumeclaim,"
         "horizontalpodautoscaler,servicemonitors.monitoring.coreos.com,podmonitors.monitoring.coreos.com,prometheusrules.monitoring.coreos.com,"
         "middlewares.traefik.io")
# What it makes elsewhere: rights in namespaces with databases, and of the whole cluster.
RIGHTS = "role,rolebinding,clusterrole,clusterrolebinding"


@scenario("helm uninstall leaves nothing but what it says")
def uninstalled(world: World) -> None:
    """The Secrets that the user and the bootstrap Job made, which NOTES.txt names; and what every namespace has."""
    if world.ledger:
        world.ledger.pause()
    made_by_hand = {f"{RELEASE}-{name}" for name in ("database", "store", "tls", "monitor")}
    usual = {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default", "Secret/billing-login"} | {f"Secret/{name}" for name in made_by_hand}
    said = {f"Secret/{RELEASE}-{name}" for name in ("admin", "monitoring", "collector")}
    helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", "--timeout", "4m")
    until("the pods to be gone", lambda: not pods(NAMESPACE, f"app.kubernetes.io/instance={RELEASE}"))

    def left() -> set[str]:
        return {f"{item['kind']}/{item['metadata']['name']}" for item in get(NAMESPACE, KINDS)["items"]} - usual

    # What belongs to something that is gone, the cluster itself collects a moment later.
    until("nothing else to be left behind", lambda: nothing(left() - said), patience_s=60)
    rights = kubectl("get", RIGHTS, "--all-namespaces", "--selector", f"app.kubernetes.io/instance={RELEASE}", "--output", "name").split()
    nothing(set(rights))
    if f"Secret/{RELEASE}-admin" not in left():
        raise Wrong("the first admin's Secret is gone, which NOTES.txt says is left")
    world.note(f"left, as NOTES.txt says: {', '.join(sorted(left()))}")


def nothing(names: set[str]) -> bool:
    """Whether there is none of them."""
    if names:
        raise Wrong(f"left behind: {', '.join(sorted(names))}")
    return True
