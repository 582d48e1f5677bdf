"""Requests without pause during a disturbance, through the ingress controller, like those of people and dashboards."""

from __future__ import annotations

import dataclasses
import threading
import time

from .api import Api
from .kubernetes import Wrong

# Two workers leave enough of the machine for the disturbance.
WORKERS = 2
PAUSE_S = 0.1


class Load:
    """`with Load(api) as load: …` asks until the end of the block. `load.judge()` checks the answers."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.answered = 0
        self.retried: list[str] = []
        self.failed: list[str] = []
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(WORKERS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        mine = dataclasses.replace(self.api, retried=[])
        while not self._end.is_set():
            try:
                mine.request("GET", "/api/v1/health")
                mine.sql("select count(*) from pganalytics_fleet")
                with self._lock:
                    self.answered += 2
            # Any exception: a thread that ends would count no more failures.
            except Exception as error:  # noqa: BLE001
                with self._lock:
                    self.failed.append(str(error) if isinstance(error, Wrong) else repr(error))
            time.sleep(PAUSE_S)
        with self._lock:
            self.retried += mine.retried

    def judge(self) -> str:
        """Checks that every request succeeded, at the latest when it was asked again."""
        if self.failed:
            raise Wrong(f"{len(self.failed)} of {self.answered + len(self.failed)} requests failed after retries, the first: {self.failed[0]}")
        if not self.answered:
            raise Wrong("no request was answered")
        again = f", of which {len(self.retried)} were asked again (the first: {self.retried[0][:200]})" if self.retried else ", none asked twice"
        return f"{self.answered} requests answered{again}"
