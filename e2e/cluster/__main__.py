"""Installs pgAnalytics into the Kubernetes that KUBECONFIG names, as a user does, and disturbs it as the life of a cluster does.
`scripts/cluster/test.sh` makes such a Kubernetes and runs this test there; `python3 -m cluster` in e2e/ runs it with another.

The test makes the namespaces pganalytics, services, databases and trial, which must not exist before. At the end it removes them, and its objects
outside namespaces.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

# The scenarios, in the order in which they run.
from .scenarios import installing, watching, disturbing, rotating, mistaken, enrolling, removing, documented  # noqa: F401, I001
from .kubernetes import Wrong, apply, exists, kubectl
from .report import facts, write
from .scenario import run_all
from .world import CHECKOUT, DATABASES, MANIFESTS, NAMESPACE, RELEASE, SERVICES, World

OURS = (NAMESPACE, SERVICES, DATABASES, "trial")


def clean(monitoring_kinds: bool) -> None:
    """Removes the run's namespaces, the rights of a release that was not uninstalled, and the monitoring kinds if this run made them."""
    kubectl("delete", "namespace", *OURS, "--ignore-not-found", "--wait=true")
    kubectl("delete", "clusterrole,clusterrolebinding", "--selector", f"app.kubernetes.io/instance in ({RELEASE}, trial)")
    if monitoring_kinds:
        kubectl("delete", "--ignore-not-found", "--filename", str(MANIFESTS / "monitoring-crds.yaml"))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="cluster", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--chart", type=Path, default=CHECKOUT / "helm/pganalytics")
    parser.add_argument("--image-prefix", required=True, help="the registry of the images of scripts/cluster/images.sh, as registry.example.com/test")
    parser.add_argument("--images", type=Path, default=CHECKOUT / "target/image", help="the folder of `make image`, for the report")
    parser.add_argument("--report", type=Path, default=CHECKOUT / "target/cluster-report.md")
    parser.add_argument("--only", help="only scenarios with these words in their title, and those that all others need")
    parser.add_argument("--discovery", action=argparse.BooleanOptionalAction, default=True, help="collectors discover pods")
    parser.add_argument("--keep", action="store_true", help="leave everything in the cluster")
    options = parser.parse_args()

    there = [name for name in OURS if exists("default", "namespace", name)]
    if there:
        print(f"these namespaces exist already: {', '.join(there)}; delete them, or use another cluster", file=sys.stderr)
        return 2
    # A cluster with the real kinds keeps them.
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
            about = [f"the facts about the cluster are missing: {error}"]
        write(options.report, outcomes, about)
        if not options.keep:
            clean(monitoring_kinds)
    failed = sum(1 for outcome in outcomes if outcome.trouble)
    print(f"the report is {options.report}", file=sys.stderr)
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
