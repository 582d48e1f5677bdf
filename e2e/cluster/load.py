"""Requests without pause while something is disturbed: through the ingress controller, as people and dashboards ask."""

from __future__ import annotations

import dataclasses
import threading
import time

from .api import Api
from .kubernetes import Wrong

# Two at a time leave the machine room to be disturbed.
WORKERS = 2
PAUSE_S = 0.1


class Load:
    """`with Load(api) as load: …` asks until the end of the block; `load.judge()` says how it went."""

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
            # Whatever it is: a thread that ends in silence would count nothing more.
            except Exception as error:  # noqa: BLE001
                with self._lock:
                    self.failed.append(str(error) if isinstance(error, Wrong) else repr(error))
            time.sleep(PAUSE_S)
        with self._lock:
            self.retried += mine.retried

    def judge(self) -> str:
        """No request failed after being asked again."""
        if self.failed:
            raise Wrong(f"{len(self.failed)} of {self.answered + len(self.failed)} requests failed after retries, the first: {self.failed[0]}")
        if not self.answered:
            raise Wrong("no request was answered at all")
        again = f", of which {len(self.retried)} were asked again (the first: {self.retried[0][:200]})" if self.retried else ", none asked twice"
        return f"{self.answered} requests answered{again}"
