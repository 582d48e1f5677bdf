"""A table of a watched server into which the test inserts rows without pause. `sum(n_tup_ins)` over pgAnalytics' history of that table must equal the
number of rows in the table: fewer are lost, more are doubled."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

from .api import Api
from .kubernetes import until


@dataclass
class Database:
    """A PostgreSQL pod, reached by the test itself at its Service's address."""

    address: str
    user: str
    password: str
    name: str = "postgres"

    def environment(self) -> dict[str, str]:
        """The environment variables of libpq."""
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
    """The table, and the psql that inserts into it."""

    def __init__(self, database: Database, server: str, table: str = "ledger") -> None:
        self.database, self.server, self.table = database, server, table
        self.writer: subprocess.Popen | None = None

    def open(self, api: Api) -> None:
        """Makes the table, and waits until the history has it: deltas need a first reading."""
        self.database.sql(f"create table {self.table} (n bigint generated always as identity)")
        known = f"select count(*) from pg_stat_user_tables where server = '{self.server}' and relname = '{self.table}'"
        until(f"the table {self.table} in the history", lambda: api.integer(known))
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
        """Stops inserting."""
        if self.writer:
            self.writer.kill()
            self.writer.wait()
            self.writer = None

    def counted(self, api: Api) -> int:
        """The number of inserted rows, by the history."""
        return api.integer(f"select sum(n_tup_ins) from pg_stat_user_tables where server = '{self.server}' and relname = '{self.table}'")

    def inserted(self) -> int:
        """The number of inserted rows, by the table."""
        return int(self.database.sql(f"select count(*) from {self.table}"))

    def judge(self, api: Api) -> str:
        """Waits until the history has exactly the inserted rows. A doubled row would stay for ever."""
        self.pause()
        expected = self.inserted()
        until(f"exactly {expected} rows in the history of {self.table}", lambda: self.counted(api) == expected or None)
        self.resume()
        return f"{expected} rows of the ledger: none lost, none doubled"


