"""Reads the lake's Parquet files with DuckDB or Spark and prints, as JSON, for each table: the number of rows, and for each column the number of
values and a sum by which they can be compared.

    python readers.py duckdb|spark LAKE_FOLDER < columns.json

columns.json: {"table": [["column", "bool|int8|float8|text|timestamptz"], ...], ...}. Integers are printed as texts: their
sums exceed 64 bits. A table without files is skipped."""

import json
import os
import sys
from pathlib import Path

# How each engine sums a column, by this project's names of types.
DUCKDB = {
    "bool": "cast(count(*) filter (where {}) as varchar)",
    "int8": "cast(sum(cast({} as hugeint)) as varchar)",
    "float8": "sum({})",
    "text": "cast(sum(length({})) as varchar)",
    "timestamptz": "cast(sum(cast(epoch_us({}) as hugeint)) as varchar)",
}
SPARK = {
    "bool": "cast(count_if({}) as string)",
    "int8": "cast(sum(cast({} as decimal(28, 0))) as string)",
    "float8": "sum({})",
    "text": "cast(sum(length({})) as string)",
    "timestamptz": "cast(sum(cast(unix_micros({}) as decimal(28, 0))) as string)",
}


def statement(sums, columns, quote, source):
    """count(*), then a count and a sum for each column."""
    found = ["count(*)"]
    for name, kind in columns:
        name = f"{quote}{name}{quote}"
        found += [f"count({name})", sums[kind].format(name)]
    return f"select {', '.join(found)} from {source}"


def with_duckdb(folder, tables):
    import duckdb

    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    for table, columns in tables.items():
        files = f"{folder}/table={table}/date=*/*.parquet"
        source = f"read_parquet('{files}', hive_partitioning = true, union_by_name = true)"
        yield table, connection.execute(statement(DUCKDB, columns, '"', source)).fetchone()


def with_spark(folder, tables):
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.master("local[2]").appName("pganalytics-readers")
    for name, value in {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.warehouse.dir": os.environ.get("TMPDIR", "/tmp"),
    }.items():
        builder = builder.config(name, value)
    # One session for all tables: Spark takes long to start.
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    for table, columns in tables.items():
        spark.read.option("mergeSchema", "true").parquet(f"{folder}/table={table}").createOrReplaceTempView("opened")
        yield table, list(spark.sql(statement(SPARK, columns, "`", "opened")).first())
    spark.stop()


def main():
    engine, folder = sys.argv[1:]
    tables = json.load(sys.stdin)
    # A wrong folder is an error, not an empty answer.
    present = {path.name.removeprefix("table=") for path in Path(folder).iterdir()}
    tables = {table: columns for table, columns in tables.items() if table in present}
    read = {"duckdb": with_duckdb, "spark": with_spark}[engine]
    json.dump({table: list(row) for table, row in read(folder, tables)}, sys.stdout)


main()
