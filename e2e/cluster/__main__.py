"""Installs pgAnalytics into the Kubernetes that KUBECONFIG names, as a user would, and does to it what a cluster's life does. Scripted by
`scripts/cluster/test.sh`, which makes that Kubernetes; `python3 -m cluster` in e2e/ does the same with another.

What it makes, it makes in the namespaces pganalytics, services, databases and trial, which must not be there yet; it removes them at the end, and
what of it is not in a namespace.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

# The scenarios, in their order.
from .scenarios import installing, watching, disturbing, rotating, mistaken, enrolling, removing, documented  # noqa: F401, I001
from .kubernetes import Wrong, apply, exists, kubectl
from .report import facts, write
from .scenario import run_all
from .world import CHECKOUT, DATABASES, MANIFESTS, NAMESPACE, RELEASE, SERVICES, World

OURS = (NAMESPACE, SERVICES, DATABASES, "trial")


def clean(monitoring_kinds: bool) -> None:
    """Removes the namespaces of a run, the rights of a release that was not uninstalled, and the monitoring kinds where they are the run's own."""
    kubectl("delete", "namespace", *OURS, "--ignore-not-found", "--wait=true")
    kubectl("delete", "clusterrole,clusterrolebinding", "--selector", f"app.kubernetes.io/instance in ({RELEASE}, trial)")
    if monitoring_kinds:
        kubectl("delete", "--ignore-not-found", "--filename", str(MANIFESTS / "monitoring-crds.yaml"))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="cluster", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--chart", type=Path, default=CHECKOUT / "helm/pganalytics")
    parser.add_argument("--image-prefix", required=True, help="where the images of scripts/cluster/images.sh are, as registry.example.com/test")
    parser.add_argument("--images", type=Path, default=CHECKOUT / "target/image", help="what make image left, for the report")
    parser.add_argument("--report", type=Path, default=CHECKOUT / "target/cluster-report.md")
    parser.add_argument("--only", help="scenarios with these words in their title, beside those that all others need")
    parser.add_argument("--discovery", action=argparse.BooleanOptionalAction, default=True, help="whether collectors find pods by themselves")
    parser.add_argument("--keep", action="store_true", help="leave everything in the cluster")
    options = parser.parse_args()

    there = [name for name in OURS if exists("default", "namespace", name)]
    if there:
        print(f"these namespaces are there already, from another run or somebody else's: {', '.join(there)}", file=sys.stderr)
        return 2
    # A cluster that has the real ones keeps them.
    monitoring_kinds = not exists("default", "crd", "servicemonitors.monitoring.coreos.com")
    if monitoring_kinds:
        apply((MANIFESTS / "monitoring-crds.yaml").read_text())
    with tempfile.TemporaryDirectory(prefix="pganalytics-cluster-test-") as folder:
        world = World(Path(folder), options.chart.resolve(), options.image_prefix, options.discovery)
        try:
            outcomes = run_all(world, options.only, options.report.parent / "cluster-evidence")
        finally:
            if world.ledger:
                world.ledger.pause()
        try:
            about = facts(options.images)
        except Wrong as error:
            about = [f"the cluster did not say what it is: {error}"]
        write(options.report, outcomes, about)
        if not options.keep:
            clean(monitoring_kinds)
    failed = sum(1 for outcome in outcomes if outcome.trouble)
    print(f"the report is {options.report}", file=sys.stderr)
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
