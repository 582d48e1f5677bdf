"""pgAnalytics over HTTP, as users reach it: under its name, at an address that the test chooses, with the test's own authority."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .kubernetes import Wrong

# The longest time for one request: no machine that works needs it.
REQUEST_S = 60
# A client asks again when a backend or its answer was lost. Statements and health may be asked twice.
ATTEMPTS = 5
AGAIN = {502, 503, 504}


@dataclass
class Answer:
    """Status, headers in lower case, body."""

    status: int
    headers: dict[str, str]
    body: bytes
    certificate: dict | None = None

    def json(self) -> Any:
        """The body as JSON."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Wrong(f"the answer {self.status} is no JSON: {self.body[:200]!r}") from error


@dataclass
class Api:
    """The API at a URL. `address` replaces the DNS entry of the URL's name."""

    url: str
    address: str | None = None
    authority: Path | None = None
    token: str | None = None
    # The requests that were asked again, for the report.
    retried: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """One request, and its answer with any status."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        connection = http.client.HTTPConnection(host, port, timeout=REQUEST_S)
        certificate = None
        plain = socket.create_connection((self.address or host, port), timeout=REQUEST_S)
        connection.sock = plain
        try:
            if parts.scheme == "https":
                context = ssl.create_default_context(cafile=str(self.authority) if self.authority else None)
                connection.sock = context.wrap_socket(plain, server_hostname=host)
                certificate = connection.sock.getpeercert()
            headers = {"Content-Type": "application/json"} if body is not None else {}
            if self.token:
                headers["Authorization"] = f"Bearer {self.token}"
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read(), certificate)
        except http.client.HTTPException as error:
            raise OSError(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()

    def request(self, method: str, path: str, body: object = None) -> Any:
        """The JSON of a successful answer. Asks again, a few times, after no answer, 502, 503 or 504."""
        last = ""
        for attempt in range(ATTEMPTS):
            try:
                answer = self.ask(method, path, body)
                if answer.status < 300:
                    return answer.json()
                last = f"{answer.status} {answer.body[:300].decode(errors='replace')}"
                if answer.status not in AGAIN:
                    break
            except OSError as error:
                last = str(error)
            self.retried.append(f"{method} {path}: {last}")
            time.sleep(0.2 * 2**attempt)
        raise Wrong(f"{method} {self.url}{path}: {last}")

    def log_in(self, password: str) -> None:
        """Logs in as the first admin."""
        self.token = self.request("POST", "/api/v1/auth/login", {"username": "admin", "password": password})["token"]

    def sql(self, query: str) -> list[list]:
        """The rows of a statement."""
        answer = self.request("POST", "/api/v1/sql", {"query": query})
        if answer["truncated"]:
            raise Wrong(f"the answer was cut: {query}")
        return answer["rows"]

    def integer(self, query: str) -> int:
        """The single integer of a statement; 0 for null, which `sum()` returns over no rows."""
        return int(self.sql(query)[0][0] or 0)
