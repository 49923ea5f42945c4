"""DataFrames in a cluster of two executors."""

import csv
import os
import signal
import subprocess
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from processes import executor_of, streams, wait_until
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession
from receiver import COLUMNS, SECRET, SECRET_VARIABLE, Receiver, receiver

from im_profiles_spark import ProgramError, fetch_profiles, fetch_profiles_by_app, fetch_table, read_job, schema
from im_profiles_spark._program import find_program

FAULTS = """
seed = 7
rate = { portrait_get = 200, window = "sliding" }
population.invalid_birthdays = 0.001
[faults]
unknown = { rate = 0.005 }
transient = { rate = 0.02 }
permanent = { rate = 0.0005 }
poison = { rate = 0.0002 }
reset = { rate = 0.005 }
latency_ms = 10
response_jitter_ms = 20
"""

Rows = list[tuple[Any, ...]]


def accounts(spark: SparkSession, count: int) -> DataFrame:
    return spark.range(count).selectExpr("concat('u', id) AS account")


def rows_of(table: pa.Table, columns: list[str]) -> Rows:
    return sorted(zip(*(table[column].to_pylist() for column in columns), strict=True), key=lambda row: str(row[0]))


def exported(service: Receiver, job: Path, count: int) -> tuple[Rows, list[tuple[str, str]]]:
    """Returns the rows and the failed accounts of `export` for the same accounts."""
    directory = service.directory
    (directory / "accounts.txt").write_text("".join(f"u{number}\n" for number in range(count)))
    sets = [f"accounts.path={directory}/accounts.txt", f"output.path={directory}/out", "api.calls_per_second=0"]
    command = [find_program(), "export", str(job), "-q", "--progress", "none"]
    command += [argument for key in sets for argument in ("--set", key)]
    subprocess.run(command, env={**os.environ, SECRET_VARIABLE: SECRET}, check=True)
    rows = rows_of(pq.read_table(directory / "out"), ["account", *COLUMNS])
    with (directory / "out" / "_failed_accounts.tsv").open(newline="") as file:
        failed = [(row["account"], row["category"]) for row in csv.DictReader(file, delimiter="\t")]
    return rows, sorted(failed)


def test_rows_equal_those_of_export_and_the_limit_is_kept(spark: SparkSession, tmp_path: Path) -> None:
    count = 200_000
    with receiver(tmp_path, FAULTS) as service:
        fetched = fetch_profiles(accounts(spark, count), service.job(), parallelism=2)
        fetched.write.parquet(str(tmp_path / "fetched"))
        assert len(service.arrivals) == service.calls()
        assert len(service.arrivals) > count // 100
        assert service.has_kept(200)
    table = pq.read_table(tmp_path / "fetched")
    assert table.num_rows == count
    columns = ["account", *COLUMNS]
    succeeded = table.filter(pa.compute.equal(table["outcome"], "exported"))
    failed = table.filter(pa.compute.not_equal(table["outcome"], "exported"))
    (tmp_path / "export").mkdir()
    without_limit = FAULTS.replace("portrait_get = 200", "portrait_get = 0")
    with receiver(tmp_path / "export", without_limit, recorded=False) as service:
        expected, expected_failed = exported(service, service.job(), count)
    assert rows_of(succeeded, columns) == expected
    assert rows_of(failed, ["account", "outcome"]) == expected_failed
    assert {outcome for _, outcome in expected_failed} == {"not_found", "rejected", "internal_error"}


@pytest.mark.parametrize("parallelism", [1, 8])
def test_any_parallelism_gives_the_same_rows(spark: SparkSession, tmp_path: Path, parallelism: int) -> None:
    with receiver(tmp_path, "rate.portrait_get = 200") as service:
        rows = fetch_profiles(accounts(spark, 10_000), service.job(), parallelism).toArrow()
        assert service.calls() == len(service.arrivals)
        assert service.has_kept(200)
        expected = fetch_table(accounts(spark, 10_000).toArrow(), service.job(secret=SECRET))
    columns = ["account", *COLUMNS, "outcome", "error_code", "error_info", "attempts"]
    assert rows_of(rows, columns) == rows_of(expected, columns)


def test_schema_is_that_of_the_rows(spark: SparkSession, service: Receiver) -> None:
    fields = {field.name: (field.dataType.simpleString(), field.nullable) for field in schema(service.job())}
    assert fields == {
        "account": ("string", True),
        "nick": ("string", True),
        "birth_day": ("date", True),
        "level": ("bigint", True),
        "role": ("bigint", True),
        "points": ("decimal(20,0)", True),
        "token": ("binary", True),
        "outcome": ("string", False),
        "error_code": ("bigint", True),
        "error_info": ("string", True),
        "attempts": ("int", False),
    }
    assert fetch_profiles(accounts(spark, 1), service.job()).schema == schema(service.job())
    assert service.calls() == 0


def test_nothing_is_started_for_an_empty_dataframe(spark: SparkSession, service: Receiver) -> None:
    rows = fetch_profiles(accounts(spark, 0), service.job(), parallelism=3)
    assert rows.collect() == []
    assert rows.columns == schema(service.job()).names
    assert service.calls() == 0


def test_null_and_repeated_accounts_have_a_row_each(spark: SparkSession, service: Receiver) -> None:
    table = spark.createDataFrame([(None,), ("u1",), ("u1",), ("",), (None,), ("x" * 33,)], "account string")
    rows = fetch_profiles(table, service.job(), parallelism=1).select("account", "outcome", "attempts").collect()
    assert sorted(map(tuple, rows), key=str) == [
        ("", "invalid_account", 0),
        ("u1", "exported", 1),
        ("u1", "exported", 1),
        ("x" * 33, "invalid_account", 0),
        (None, "invalid_account", 0),
        (None, "invalid_account", 0),
    ]
    assert service.calls() == 1


@pytest.mark.parametrize("kind", ["string", "tinyint", "int", "bigint", "binary", "decimal(20,0)", "varchar(9)"])
def test_accounts_may_have_any_type_that_is_exact(spark: SparkSession, service: Receiver, kind: str) -> None:
    table = spark.range(3).selectExpr(f"CAST(CAST(id AS string) AS {kind}) AS `the id`", "id AS account")
    rows = fetch_profiles(table, service.job(), parallelism=2, column="`the id`").select("account", "outcome")
    assert sorted(map(tuple, rows.collect())) == [(str(number), "exported") for number in range(3)]


@pytest.mark.parametrize("kind", ["double", "date", "boolean", "array<string>", "decimal(20,2)"])
def test_other_types_are_refused(spark: SparkSession, service: Receiver, kind: str) -> None:
    with pytest.raises(TypeError, match=r"the column account is .*; cast it to string"):
        fetch_profiles(spark.createDataFrame([], f"account {kind}"), service.job())


def test_arguments_are_checked_before_anything_runs(spark: SparkSession, service: Receiver) -> None:
    table, job = accounts(spark, 1), service.job(calls_per_second=10)
    with pytest.raises(ValueError, match="the DataFrame has no column user, or more than one; it has account"):
        fetch_profiles(table, job, column="user")
    with pytest.raises(ValueError, match="parallelism is 11, more than the 10 calls per second of the job"):
        fetch_profiles(table, job, parallelism=11)
    for parallelism in (0, -1, True, 2.0):
        with pytest.raises(ValueError, match=r"parallelism is .*; write a number of tasks, at least 1"):
            fetch_profiles(table, job, parallelism=parallelism)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="give the overrides to read_job"):
        fetch_profiles(table, read_job(job), overrides={"api.calls_per_second": 5})
    assert service.calls() == 0


def test_wrong_key_fails_the_query_without_repeated_calls(spark: SparkSession, service: Receiver) -> None:
    job, table = service.job(secret="0" * 64, max_in_flight=1), accounts(spark, 10_000)
    with pytest.raises(ProgramError, match="exit code 4"):
        fetch_table(table.toArrow(), job)
    once = service.calls()
    assert once > 0
    with pytest.raises(PythonException, match=r"ProgramError: im-profiles: .+ \(exit code 4\)") as raised:
        fetch_profiles(table, job, parallelism=1).collect()
    assert "0" * 64 not in str(raised.value)
    # Spark makes four attempts, but only the first one on each of the two executors makes calls.
    assert once <= service.calls() - once <= 2 * once


def test_outage_is_retried_by_spark(spark: SparkSession, tmp_path: Path) -> None:
    """The program stops with 75; the first attempt that finds the service back succeeds."""
    settings = '[[faults.windows]]\nkind = "outage"\nuntil_ms = 4000\n'
    with receiver(tmp_path, settings) as service:
        job = read_job(service.job(), overrides={"retry.outage_patience": "1s"})
        assert fetch_profiles(accounts(spark, 500), job, parallelism=1).where("outcome = 'exported'").count() == 500


def test_limit_stops_the_program(spark: SparkSession, service: Receiver) -> None:
    rows = fetch_profiles(accounts(spark, 1_000_000), service.job(name="limit.toml"), parallelism=2)
    assert len(rows.limit(5).collect()) == 5
    wait_until(lambda: streams("limit.toml") == [])
    assert service.calls() < 10_000


def test_cancelled_query_stops_the_program(spark: SparkSession, service: Receiver) -> None:
    rows = fetch_profiles(accounts(spark, 1_000_000), service.job(name="cancelled.toml"), parallelism=2)

    def query() -> None:
        with pytest.raises(Exception, match="cancel"):
            rows.count()

    querying = threading.Thread(target=query)
    querying.start()
    wait_until(lambda: len(service.arrivals) >= 50)
    spark.sparkContext.cancelAllJobs()
    querying.join()
    wait_until(lambda: streams("cancelled.toml") == [])
    assert service.calls() < 10_000


def test_queries_that_follow_each_other_keep_the_limit(spark: SparkSession, service: Receiver) -> None:
    rows = fetch_profiles(accounts(spark, 6_000), service.job(calls_per_second=50), parallelism=2)
    assert [rows.count() for _ in range(3)] == [6_000] * 3
    assert len(service.arrivals) == 3 * 60
    assert service.has_kept(50)


def test_jobs_of_the_same_name_do_not_mix(spark: SparkSession, service: Receiver) -> None:
    (service.directory / "other").mkdir()
    first = fetch_profiles(accounts(spark, 10), service.job(columns=("nick",)), parallelism=1)
    other = service.job(columns=("level",)).rename(service.directory / "other" / "job.toml")
    second = fetch_profiles(accounts(spark, 10), other, parallelism=1)
    assert first.columns[1] == "nick"
    assert second.columns[1] == "level"
    assert first.join(second, "account").count() == 10


def test_partitions_of_a_union_have_shares_of_their_own(spark: SparkSession, service: Receiver) -> None:
    rows = fetch_profiles(accounts(spark, 1_000), service.job(), parallelism=2)
    before = spark.createDataFrame([], rows.schema).repartition(3)
    assert before.union(rows).count() == 1_000


def test_lost_executor_changes_no_row(spark: SparkSession, tmp_path: Path) -> None:
    lose_an_executor(spark, tmp_path, barrier=False)


def test_lost_executor_does_not_exceed_the_limit_with_free_cores(roomy_spark: SparkSession, tmp_path: Path) -> None:
    lose_an_executor(roomy_spark, tmp_path, barrier=True)


def lose_an_executor(spark: SparkSession, tmp_path: Path, *, barrier: bool) -> None:
    count = 60_000
    with receiver(tmp_path, "rate.portrait_get = 200") as service:
        rows = fetch_profiles(accounts(spark, count), service.job(name="lost.toml"), parallelism=2, barrier=barrier)
        writer = threading.Thread(target=rows.write.parquet, args=[str(tmp_path / "lost")])
        writer.start()
        wait_until(lambda: len(service.arrivals) >= 200)
        os.kill(executor_of(streams("lost.toml")[0]), signal.SIGKILL)
        writer.join()
        # The calls of the lost task are made again.
        assert service.calls() > count // 100
        assert service.has_kept(200)
    table = pq.read_table(tmp_path / "lost")
    assert table.num_rows == count
    assert set(table["account"].to_pylist()) == {f"u{number}" for number in range(count)}
    assert set(table["outcome"].to_pylist()) == {"exported"}


def test_other_version_on_the_executors_is_refused(spark: SparkSession, service: Receiver) -> None:
    job = replace(read_job(service.job()), version="9.8.7")
    with pytest.raises(PythonException, match=r"im-profiles-spark is 9\.8\.7 on the driver and .* on this machine"):
        fetch_profiles(accounts(spark, 10), job, parallelism=1).collect()
    assert service.calls() == 0


def test_apps_are_fetched_by_one_task_each(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "game").mkdir()
    (tmp_path / "shop").mkdir()
    with receiver(tmp_path / "game") as game, receiver(tmp_path / "shop") as shop:
        jobs = {"game": game.job("game.toml", calls_per_second=100), "shop": shop.job("shop.toml")}
        table = spark.range(9_000).selectExpr("id AS user", "IF(id % 3 = 0, 'shop', 'game') AS app")
        rows = fetch_profiles_by_app(table, jobs, column="user")
        assert rows.columns == ["app", *schema(jobs["game"]).names]
        counts = rows.groupBy("app", "outcome").count().orderBy("app").collect()
        assert [tuple(row) for row in counts] == [("game", "exported", 6_000), ("shop", "exported", 3_000)]
        assert (game.calls(), shop.calls()) == (60, 30)
        assert game.has_kept(100)


def test_large_arrow_types_of_spark_are_supported(spark: SparkSession, service: Receiver) -> None:
    setting = "spark.sql.execution.arrow.useLargeVarTypes"
    table = spark.createDataFrame([("u1", "game")], "account string, app string")
    spark.conf.set(setting, "true")
    try:
        rows = [fetch_profiles(table, service.job()), fetch_profiles_by_app(table, {"game": service.job()})]
        assert [row.outcome for frame in rows for row in frame.collect()] == ["exported"] * 2
    finally:
        spark.conf.unset(setting)


def test_jobs_of_apps_must_match(spark: SparkSession, service: Receiver) -> None:
    table = spark.createDataFrame([("u1", "game")], "account string, app string")
    job = service.job("first.toml")
    with pytest.raises(ValueError, match="jobs is empty"):
        fetch_profiles_by_app(table, {})
    with pytest.raises(ValueError, match="the jobs of game and shop have other columns"):
        fetch_profiles_by_app(table, {"game": job, "shop": service.job("second.toml", columns=("nick",))})
    with pytest.raises(TypeError, match="the column app is not text"):
        fetch_profiles_by_app(table.withColumn("app", table.app.cast("date")), {"game": job})
    with pytest.raises(PythonException, match="there is no job for the app 'game'"):
        fetch_profiles_by_app(table, {"shop": job}).collect()
    assert service.calls() == 0
