"""Who counts what must not be lost: a table in a watched server into which rows are inserted without pause. How many there are, the server
itself knows; `sum(n_tup_ins)` over pgAnalytics' history of that table must come to the same, no fewer (lost) and no more (doubled)."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

from .api import Api
from .kubernetes import until


@dataclass
class Database:
    """How the test itself reaches a PostgreSQL pod: past everything that is tested, at its Service's address."""

    address: str
    user: str
    password: str
    name: str = "postgres"

    def environment(self) -> dict[str, str]:
        """libpq's."""
        return os.environ | {
            "PGHOST": self.address, "PGUSER": self.user, "PGPASSWORD": self.password, "PGDATABASE": self.name, "PGCONNECT_TIMEOUT": "10",
        }

    def sql(self, statement: str) -> str:
        """The output of a statement, unaligned."""
        done = subprocess.run(["psql", "-XAtqc", statement], env=self.environment(), capture_output=True, text=True, check=False, timeout=60)
        if done.returncode != 0:
            raise OSError(f"psql: {done.stderr.strip()}")
        return done.stdout.strip()


class Ledger:
    """The table, and whoever inserts into it."""

    def __init__(self, database: Database, server: str, table: str = "ledger") -> None:
        self.database, self.server, self.table = database, server, table
        self.writer: subprocess.Popen | None = None

    def open(self, api: Api) -> None:
        """Makes the table and waits until it is known: before, there is nothing to subtract from."""
        self.database.sql(f"create table {self.table} (n bigint generated always as identity)")
        known = f"select count(*) from pg_stat_user_tables where server = '{self.server}' and relname = '{self.table}'"
        until(f"the table {self.table} to be known", lambda: api.integer(known))
        self.resume()

    def resume(self) -> None:
        """Inserts ten rows a second from now on."""
        script = f"insert into {self.table} default values \\watch 0.1\n"
        self.writer = subprocess.Popen(["psql", "-Xq"], env=self.database.environment(), stdin=subprocess.PIPE,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        if self.writer.stdin:
            self.writer.stdin.write(script)
            self.writer.stdin.flush()

    def pause(self) -> None:
        """Inserts nothing more."""
        if self.writer:
            self.writer.kill()
            self.writer.wait()
            self.writer = None

    def counted(self, api: Api) -> int:
        """How many rows the history says were inserted."""
        return api.integer(f"select sum(n_tup_ins) from pg_stat_user_tables where server = '{self.server}' and relname = '{self.table}'")

    def inserted(self) -> int:
        """How many were."""
        return int(self.database.sql(f"select count(*) from {self.table}"))

    def judge(self, api: Api) -> str:
        """Waits until the history has every row; a doubled one would never go away again."""
        self.pause()
        expected = self.inserted()
        until(f"{expected} rows in the history of {self.table}, neither more nor fewer", lambda: self.counted(api) == expected or None)
        self.resume()
        return f"{expected} rows of the ledger, none lost, none twice"


