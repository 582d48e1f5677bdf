"""PostgreSQL pods are found and watched, and their statistics can be queried."""

from __future__ import annotations

from ..kubernetes import Wrong, get, kubectl, ready_pods, until
from ..ledger import Database, Ledger
from ..scenario import scenario
from ..world import DATABASES, World


@scenario("the PostgreSQL pods are watched, and /api/v1/sql answers their statistics through the ingress", needed=True)
def watched(world: World) -> None:
    """One pod has the labels of CloudNativePG, the other is annotated. The history has a marked statement of each."""
    for name in ("orders", "billing"):
        until(f"{name} to be watched", lambda name=name: world.server(name))
        server = world.server(name)
        world.target(name).sql("select count(*) as marked_by_the_cluster_test from pg_class")
        query = f"select count(*) from pg_stat_statements_text where server = '{server}' and query like '%marked_by_the_cluster_test%'"
        until(f"the statement that {name} ran", lambda query=query: world.api.integer(query))
        version = world.api.sql(f"select version from pganalytics_server where server = '{server}' order by ts desc limit 1")[0][0]
        world.note(f"{name} is watched as {server}, PostgreSQL {version}")
    names = sorted(row[0] for row in world.api.sql("select server from pganalytics_fleet"))
    if len(names) != 2:
        raise Wrong(f"pgAnalytics has the servers {names}, not exactly two")


@scenario("entries of the servers' logs are read through the API, counted exactly, and shown without values")
def logged(world: World) -> None:
    """Statements that fail. The error of one has a value that must not leave the server."""
    if not world.discovery:
        world.note("not in this run: collectors read named servers and do not know their pods")
        return
    mistakes = {"select 1/0": ("22012", "division by zero"),
                f"select '{SECRET}'::int": ("22P02", 'invalid input syntax for type integer: "…"')}
    for name in ("orders", "billing"):
        for statement in mistakes:
            for _ in range(MISTAKES):
                fails(world.target(name), statement)
        query = ("select sql_state_code, message, sum(entries) from postgres_log where error_severity = 'ERROR' and usename = 'postgres' "
                 f"and datname = 'postgres' and application_name = 'psql' and server = '{world.server(name)}' group by 1, 2")
        expected = sorted([code, message, MISTAKES] for code, message in mistakes.values())
        until(f"the log entries of {name}", lambda query=query, expected=expected: sorted(world.api.sql(query)) == expected or wrong(world, query))
    shown = world.api.sql(f"select server, message from postgres_log where message like '%{SECRET}%'")
    if shown:
        raise Wrong(f"a value of a statement is shown: {shown}")
    total = world.api.sql("select error_severity, sum(entries) from postgres_log group by 1 order by 1")
    world.note(f"entries by severity: {', '.join(f'{severity} {entries}' for severity, entries in total)}")


@scenario("the last log entries of a stopped server are read too")
def last_words(world: World) -> None:
    """PostgreSQL ends on SIGINT and its container starts again. Each has its own log."""
    if not world.discovery:
        world.note("not in this run: collectors read named servers and do not know their pods")
        return
    server = world.server("billing")
    said = {message: f"select sum(entries) from postgres_log where message = '{message}' and server = '{server}'"
            for message in ("database system is shut down", "database system is ready to accept connections")}
    before = {message: world.api.integer(query) for message, query in said.items()}
    kubectl("--namespace", DATABASES, "exec", "billing-0", "--", "sh", "-c", "kill -INT 1")
    until("its container to start again", lambda: get(DATABASES, "pod", "billing-0")["status"]["containerStatuses"][0]["restartCount"] == 1)
    for message, query in said.items():
        until(f"'{message}' to be read, once", lambda message=message, query=query: world.api.integer(query) == before[message] + 1 or None)
    ready_pods(DATABASES, "app=billing", 1)
    world.note(f"read once each: {', '.join(said)}")


# A value that must not leave the server.
SECRET = "data-of-a-customer"
MISTAKES = 3


def fails(database: Database, statement: str) -> None:
    """Runs a statement that the server must refuse."""
    try:
        database.sql(statement)
    except OSError:
        return
    raise Wrong(f"the server accepted {statement}")


def wrong(world: World, query: str) -> bool:
    """Raises with the rows that the history has instead."""
    raise Wrong(f"the history has {world.api.sql(query)}")


@scenario("rows inserted into a watched table are counted exactly", needed=True)
def counted(world: World) -> None:
    """Opens the ledger by which all later scenarios judge that no row is lost."""
    world.ledger = Ledger(world.target("orders"), world.server("orders"))
    world.ledger.open(world.api)
    until("a hundred rows", lambda: world.ledger is not None and world.ledger.inserted() > 100)
    world.note(world.ledger.judge(world.api))
