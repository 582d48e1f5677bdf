"""`helm uninstall` leaves only the objects that it names."""

from __future__ import annotations

from ..kubernetes import Wrong, get, helm, kubectl, pods, until
from ..scenario import scenario
from ..world import NAMESPACE, RELEASE, World

KINDS = ("all,configmap,secret,serviceaccount,role,rolebinding,networkpolicy,ingress,poddisruptionbudget,persistentvolumeclaim,"
         "horizontalpodautoscaler,servicemonitors.monitoring.coreos.com,podmonitors.monitoring.coreos.com,prometheusrules.monitoring.coreos.com,"
         "middlewares.traefik.io")
# Objects outside the namespace: rights in the databases' namespaces and in the whole cluster.
RIGHTS = "role,rolebinding,clusterrole,clusterrolebinding"


@scenario("helm uninstall leaves only the objects that it names")
def uninstalled(world: World) -> None:
    """The Secrets of the user and of the bootstrap Job, which NOTES.txt names, and the objects of every namespace."""
    if world.ledger:
        world.ledger.pause()
    made_by_hand = {f"{RELEASE}-{name}" for name in ("database", "store", "tls", "monitor")}
    usual = {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default", "Secret/billing-login"} | {f"Secret/{name}" for name in made_by_hand}
    said = {f"Secret/{RELEASE}-{name}" for name in ("admin", "monitoring", "collector")}
    helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", "--timeout", "4m")
    until("the pods to be gone", lambda: not pods(NAMESPACE, f"app.kubernetes.io/instance={RELEASE}"))

    def left() -> set[str]:
        return {f"{item['kind']}/{item['metadata']['name']}" for item in get(NAMESPACE, KINDS)["items"]} - usual

    # The cluster deletes dependent objects a moment later.
    until("all other objects to be gone", lambda: nothing(left() - said), patience_s=60)
    rights = kubectl("get", RIGHTS, "--all-namespaces", "--selector", f"app.kubernetes.io/instance={RELEASE}", "--output", "name").split()
    nothing(set(rights))
    if f"Secret/{RELEASE}-admin" not in left():
        raise Wrong("the first admin's Secret is gone, but NOTES.txt names it as left")
    world.note(f"left, as in NOTES.txt: {', '.join(sorted(left()))}")


def nothing(names: set[str]) -> bool:
    """Whether the set is empty."""
    if names:
        raise Wrong(f"left behind: {', '.join(sorted(names))}")
    return True
