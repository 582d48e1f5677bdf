"""PostgreSQL pods are found and watched, and their statistics are answered."""

from __future__ import annotations

from .kubernetes import Wrong, until
from .ledger import Ledger
from .scenario import scenario
from .world import World


@scenario("the PostgreSQL pods are watched, and their statistics are answered by /api/v1/sql through the ingress", needed=True)
def watched(world: World) -> None:
    """One has the labels of CloudNativePG, the other is annotated. What a marked statement did is found again."""
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
        raise Wrong(f"two servers are watched, pgAnalytics knows {names}")


@scenario("rows inserted into a watched table are counted exactly", needed=True)
def counted(world: World) -> None:
    """The ledger by which all later scenarios judge that nothing is lost."""
    world.ledger = Ledger(world.target("orders"), world.server("orders"))
    world.ledger.open(world.api)
    until("a hundred rows", lambda: world.ledger is not None and world.ledger.inserted() > 100)
    world.note(world.ledger.judge(world.api))
