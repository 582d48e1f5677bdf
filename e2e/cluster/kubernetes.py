"""Kubernetes for an administrator: kubectl and helm, and waits for their answers."""

from __future__ import annotations

import base64
import json
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# The longest wait for one condition: many times what two busy cores need.
PATIENCE_S = 300
# The interval of progress lines during a wait.
TELL_S = 15
# The longest wait for kubectl to open a port.
PORT_FORWARD_S = 30


class Wrong(Exception):
    """A scenario does not hold."""


def say(text: str) -> None:
    """Prints a line of progress."""
    print(f"  {text}", file=sys.stderr, flush=True)


def until(what: str, ask: Callable[[], T | None], patience_s: float = PATIENCE_S) -> T:
    """Asks until the answer is truthy. After an exception it asks again."""
    began, told, trouble = time.monotonic(), 0.0, ""
    while True:
        try:
            answer = ask()
            if answer:
                return answer
            trouble = ""
        except (Wrong, OSError, subprocess.SubprocessError, ValueError, KeyError, IndexError) as error:
            trouble = str(error)
        waited = time.monotonic() - began
        if waited > patience_s:
            raise Wrong(f"waited {patience_s:.0f} s for {what}" + (f": {trouble}" if trouble else ""))
        if waited > told + TELL_S:
            told = waited
            say(f"still waiting for {what} ({waited:.0f} s){': ' + trouble[:200] if trouble else ''}")
        time.sleep(0.5)


def run(*command: str, stdin: str | None = None, timeout_s: float = PATIENCE_S) -> str:
    """A command's standard output. If the command fails, the exception has its standard error. Prints progress lines while it runs."""
    line = " ".join(command)[:300]
    began = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while True:
            try:
                output, errors = process.communicate(stdin, timeout=min(TELL_S, timeout_s))
                break
            except subprocess.TimeoutExpired:
                # The command has its standard input already.
                stdin = None
                waited = time.monotonic() - began
                if waited >= timeout_s:
                    process.kill()
                    _, errors = process.communicate()
                    raise Wrong(f"{line} did not end within {timeout_s:.0f} s: {errors.strip()[-1500:]}") from None
                say(f"still waiting for {line} ({waited:.0f} s)")
    if process.returncode != 0:
        raise Wrong(f"{line} ended with {process.returncode}: {(errors or output).strip()[-1500:]}")
    return output


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """kubectl's output."""
    return run("kubectl", *arguments, stdin=stdin)


def helm(*arguments: str) -> str:
    """helm's output."""
    return run("helm", *arguments)


def get(namespace: str, *what: str) -> dict:
    """Objects of the API server."""
    return json.loads(kubectl("--namespace", namespace, "get", *what, "--output", "json"))


def exists(namespace: str, *what: str) -> bool:
    """Whether the object exists."""
    return kubectl("--namespace", namespace, "get", *what, "--ignore-not-found", "--output", "name").strip() != ""


def apply(manifest: str) -> None:
    """Applies a manifest."""
    kubectl("apply", "--filename", "-", stdin=manifest)


def fill(manifest: Path, **values: str) -> str:
    """A manifest with its @NAMES@ replaced."""
    text = manifest.read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def is_ready(pod: dict) -> bool:
    """Whether a pod is ready and is not being deleted."""
    conditions = {condition["type"]: condition["status"] for condition in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def pods(namespace: str, selector: str) -> list[dict]:
    """Pods by label."""
    return get(namespace, "pods", "--selector", selector)["items"]


def ready_pods(namespace: str, selector: str, count: int) -> list[dict]:
    """Waits until there are exactly this many pods, and all are ready."""

    def found() -> list[dict] | None:
        there = pods(namespace, selector)
        waiting = [trouble_of(pod) for pod in there if not is_ready(pod)]
        if waiting:
            raise Wrong("; ".join(waiting))
        return there if len(there) == count else None

    return until(f"{count} ready pods of {selector}", found)


def trouble_of(pod: dict) -> str:
    """The reason why a pod is not ready, in one line."""
    states = pod["status"].get("initContainerStatuses", []) + pod["status"].get("containerStatuses", [])
    reasons = [f"{state['name']}: {state['state']['waiting'].get('reason')}" for state in states if "waiting" in state.get("state", {})]
    return f"{pod['metadata']['name']} {pod['status'].get('phase')} {', '.join(reasons)}".strip()


def secret_value(namespace: str, name: str, key: str) -> str:
    """A Secret's value."""
    return base64.b64decode(get(namespace, "secret", name)["data"][key]).decode()


def logs(namespace: str, pod: str, container: str, previous: bool = False) -> str:
    """A container's log."""
    return kubectl("--namespace", namespace, "logs", pod, "--container", container, *(["--previous"] if previous else []))


@contextmanager
def port_forward(namespace: str, what: str, port: int) -> Iterator[int]:
    """A port of 127.0.0.1 that is forwarded to the object."""
    command = ["kubectl", "--namespace", namespace, "port-forward", what, f":{port}", "--address", "127.0.0.1"]
    with tempfile.TemporaryFile("w+") as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
        try:
            answered = select.select([process.stdout], [], [], PORT_FORWARD_S)[0]
            line = process.stdout.readline() if answered and process.stdout else ""
            if not line.startswith("Forwarding from 127.0.0.1:"):
                errors.seek(0)
                raise Wrong(f"kubectl port-forward {what} opened no port within {PORT_FORWARD_S} s: {line}{errors.read()}")
            yield int(line.split(":")[1].split(" ")[0])
        finally:
            process.terminate()
