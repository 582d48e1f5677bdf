"""What a scenario is: a sentence that must be true, and the steps that find out. They run in the order in which they are written."""

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
    """One of them."""

    title: str
    steps: Callable[[World], None]
    # Without it nothing after it makes sense.
    needed: bool


@dataclass
class Outcome:
    """How it went."""

    title: str
    trouble: str | None
    seconds: float
    notes: list[str] = field(default_factory=list)


SCENARIOS: list[Scenario] = []


def scenario(title: str, needed: bool = False) -> Callable[[Callable[[World], None]], Callable[[World], None]]:
    """Adds it to the list."""

    def add(steps: Callable[[World], None]) -> Callable[[World], None]:
        SCENARIOS.append(Scenario(title, steps, needed))
        return steps

    return add


def run_all(world: World, only: str | None, evidence: Path) -> list[Outcome]:
    """Runs them; one that fails does not keep the others from running, unless they need it. How the cluster looked then is kept in a folder."""
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
        # A scenario that stumbles over its own feet has failed like any other, and the rest runs.
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
    """Pods, events and logs as they are now, for whoever has to find out why something failed."""
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
    print(f"  how the cluster looks is in {file}", file=sys.stderr, flush=True)
