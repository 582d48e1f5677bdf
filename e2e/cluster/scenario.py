"""A scenario: a sentence that must be true, and the steps that check it. Scenarios run in the order of their definition."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .kubernetes import Wrong, kubectl
from .world import NAMESPACE, World


@dataclass
class Scenario:
    """A scenario."""

    title: str
    steps: Callable[[World], None]
    # All later scenarios need it.
    needed: bool


@dataclass
class Outcome:
    """The outcome of a scenario."""

    title: str
    trouble: str | None
    seconds: float
    notes: list[str] = field(default_factory=list)


SCENARIOS: list[Scenario] = []


def scenario(title: str, needed: bool = False) -> Callable[[Callable[[World], None]], Callable[[World], None]]:
    """Adds a scenario to the list."""

    def add(steps: Callable[[World], None]) -> Callable[[World], None]:
        SCENARIOS.append(Scenario(title, steps, needed))
        return steps

    return add


def run_all(world: World, only: str | None, evidence: Path) -> list[Outcome]:
    """Runs the scenarios. After a failure the others still run, unless they need the one that failed. Keeps the state of the cluster in a folder."""
    outcomes = []
    chosen = [entry for entry in SCENARIOS if only is None or entry.needed or only in entry.title]
    for number, entry in enumerate(chosen, start=1):
        print(f"[{number}/{len(chosen)}] {entry.title}", file=sys.stderr, flush=True)
        world.notes = []
        began, trouble = time.monotonic(), None
        try:
            entry.steps(world)
        except Wrong as error:
            trouble = str(error)
        # An error in the test's own code is a failure too.
        except Exception:  # noqa: BLE001
            trouble = traceback.format_exc()
        outcome = Outcome(entry.title, trouble, time.monotonic() - began, world.notes)
        outcomes.append(outcome)
        for note in outcome.notes:
            print(f"  {note}", file=sys.stderr)
        print(f"  {'FAILED: ' + trouble if trouble else 'ok'} ({outcome.seconds:.0f} s)", file=sys.stderr, flush=True)
        if trouble:
            keep(evidence / f"{number:02}.txt")
        if trouble and entry.needed:
            break
    return outcomes


def keep(file: Path) -> None:
    """Keeps pods, events and logs of a failure in a file."""
    ours = ("--namespace", NAMESPACE, "--selector", "app.kubernetes.io/part-of=pganalytics")
    commands = (
        ("get", "pods", "--all-namespaces", "--output", "wide"),
        ("get", "events", "--all-namespaces", "--sort-by", ".metadata.creationTimestamp"),
        ("describe", "pods", *ours),
        ("logs", *ours, "--all-containers", "--prefix", "--tail", "300", "--max-log-requests", "100"),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as out:
        for command in commands:
            try:
                text = kubectl(*command)
            except Wrong as error:
                text = str(error)
            out.write(f"── kubectl {' '.join(command)}\n{text}\n")
    print(f"  the state of the cluster is in {file}", file=sys.stderr, flush=True)
