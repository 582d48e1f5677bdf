"""The report of a run, in Markdown."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from pathlib import Path

from .kubernetes import get, helm, kubectl
from .scenario import Outcome


def facts(images: Path | None) -> list[str]:
    """The facts about the cluster and the images."""
    version = json.loads(kubectl("version", "--output", "json"))["serverVersion"]["gitVersion"]
    nodes = get("default", "nodes")["items"]
    about = nodes[0]["status"]["nodeInfo"]
    found = [
        f"Kubernetes {version}, {len(nodes)} node(s): {about['osImage']}, {about['containerRuntimeVersion']}, kernel {about['kernelVersion']}",
        f"Helm {helm('version', '--template', '{{.Version}}').strip()}",
        f"{os.cpu_count()} cores, {platform.machine()}",
    ]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    if commit:
        found.append(f"commit {commit}")
    for file in sorted(images.glob("*.json")) if images and images.is_dir() else []:
        if file.name.endswith(".cdx.json"):
            continue
        image = json.loads(file.read_text())
        found.append(f"image {image['name']}: {image['compressed_bytes'] / 1e6:.1f} MB compressed, {image['digest']}")
    return found


def write(path: Path, outcomes: list[Outcome], about: list[str]) -> None:
    """Writes the report."""
    failed = [outcome for outcome in outcomes if outcome.trouble]
    total = sum(outcome.seconds for outcome in outcomes)
    now = datetime.datetime.now(datetime.timezone.utc)
    lines = [
        "# pgAnalytics on a real Kubernetes",
        "",
        f"{now:%Y-%m-%d %H:%M} UTC: {len(outcomes) - len(failed)} of {len(outcomes)} scenarios hold, {total:.0f} s in all.",
        "",
        *(f"- {fact}" for fact in about),
        "",
        "| | scenario | time |",
        "|---|---|---:|",
        *(f"| {'FAILED' if outcome.trouble else 'ok'} | {outcome.title} | {outcome.seconds:.0f} s |" for outcome in outcomes),
        "",
    ]
    for outcome in outcomes:
        if outcome.notes or outcome.trouble:
            lines += [f"## {outcome.title}", "", *(f"- {note}" for note in outcome.notes)]
            if outcome.trouble:
                lines += ["", "```", outcome.trouble.strip(), "```"]
            lines.append("")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))
