"""The functions for DataFrames. Spark is imported when they are called, so that the rest works without it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from im_profiles_spark._job import ACCOUNT, Job, as_job
from im_profiles_spark._shares import rate_share

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import DataType, StructType

    Overrides = Mapping[str, str | int | float | bool]


def schema(job: Job | str | os.PathLike[str], *, overrides: Overrides | None = None) -> StructType:
    """Returns the schema of the rows: account, the columns of the job, outcome, error_code, error_info, attempts.

    Example:
        >>> schema("nightly.toml").fieldNames()  # doctest: +SKIP
        ['account', 'nick', 'outcome', 'error_code', 'error_info', 'attempts']
    """
    from pyspark.sql.types import StructField, StructType

    fields = as_job(job, overrides).arrow_schema
    return StructType([StructField(field.name, _spark_type(field.type), field.nullable) for field in fields])


def fetch_profiles(
    df: DataFrame,
    job: Job | str | os.PathLike[str],
    parallelism: int = 4,
    *,
    column: str = ACCOUNT,
    overrides: Overrides | None = None,
    barrier: bool = False,
) -> DataFrame:
    """Returns the profiles of the accounts in a column of a DataFrame, one row per row.

    Nothing is fetched before an action, and every action fetches everything: write the rows, or persist them, before
    they are read twice.

    Args:
        df: A DataFrame with one account per row. Other columns are ignored; join them to the result by account.
        job: A job file of the driver, or a job that was read. Its secret is in an environment variable or a file of
            the executors.
        parallelism: The number of tasks that fetch at the same time, each within its share of the job's calls per
            second. It should be a divisor of them, and the cluster should have that many free cores.
        column: The column that contains the accounts, of text, binary or integers.
        overrides: Keys of the job to replace: ``{"api.calls_per_second": 50}``.
        barrier: Whether the tasks start together and are stopped together when one of them is lost, so that Spark never
            runs two copies of one. See the README.

    Returns:
        The columns of ``schema(job)``. ``outcome`` is exported, not_found, internal_error, rejected, no_answer or
        invalid_account.

    Raises:
        ProgramError: The program refuses the job.
        TypeError: The column has another type.
        ValueError: The column does not exist, the parallelism does not fit the job, or Spark would run copies of tasks.

    Example:
        >>> rows = fetch_profiles(spark.table("accounts"), "nightly.toml", parallelism=4)  # doctest: +SKIP
        >>> rows.where("outcome = 'exported'").write.saveAsTable("profiles")  # doctest: +SKIP
    """
    job = as_job(job, overrides)
    if isinstance(parallelism, bool) or not isinstance(parallelism, int) or parallelism < 1:
        raise ValueError(f"parallelism is {parallelism!r}; write a number of tasks, at least 1")
    rate_share(0, parallelism, job.calls_per_second)
    session = df.sparkSession
    _refuse_speculation(session)
    if barrier and _is_on(session, "spark.dynamicAllocation.enabled"):
        raise ValueError(
            "Spark does not run barrier stages with spark.dynamicAllocation.enabled; turn it off, or set barrier=False"
        )
    accounts = _accounts(df, column).repartition(parallelism)

    def fetch(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from im_profiles_spark._task import run_partition

        return run_partition(job, parallelism, batches)

    rows = accounts.mapInArrow(fetch, schema(job), barrier=barrier)
    # Spark allows neither limit nor union within a barrier stage, so it ends here.
    return rows.repartition(parallelism) if barrier else rows


def fetch_profiles_by_app(
    df: DataFrame,
    jobs: Mapping[str, Job | str | os.PathLike[str]],
    *,
    app: str = "app",
    column: str = ACCOUNT,
    partitions: int | None = None,
) -> DataFrame:
    """Returns the profiles of the accounts of many apps, each fetched by a single task at the full rate of its job.

    Args:
        df: A DataFrame with one account per row and the app that it belongs to.
        jobs: The job of each app. All have the same columns.
        app: The column that contains the app, of text.
        column: The column that contains the accounts.
        partitions: The number of partitions that the apps are distributed to, 20 per app by default: apps that fall in
            the same one follow each other.

    Returns:
        The column of the app, and the columns of ``schema(job)``.

    Raises:
        ProgramError: The program refuses a job.
        TypeError: A column has another type.
        ValueError: The jobs have other columns than each other, a column does not exist, or Spark would run copies of
            tasks.

    Example:
        >>> jobs = {"game": "game.toml", "shop": "shop.toml"}
        >>> rows = fetch_profiles_by_app(spark.table("accounts"), jobs)  # doctest: +SKIP
    """
    from pyspark.sql.types import StringType, StructField, StructType

    if not jobs:
        raise ValueError("jobs is empty; write one job per app")
    read = {name: as_job(job) for name, job in jobs.items()}
    (one, first), *others = read.items()
    columns = schema(first)
    for name, other in others:
        if other.arrow_schema != first.arrow_schema:
            raise ValueError(f"the jobs of {one} and {name} have other columns than each other; use the same ones")
    if app in columns.fieldNames():
        raise ValueError(f"the jobs have a column {app}, the name of the column of the app; rename either")
    _refuse_speculation(df.sparkSession)
    if not isinstance(_type_of(df, app), StringType):
        raise TypeError(f"the column {app} is not text; cast it to string")
    accounts = _accounts(df, column, df[app].alias(app))
    groups = accounts.repartition(20 * len(read) if partitions is None else partitions, app).groupBy(app)
    result = StructType([StructField(app, StringType()), *columns])
    arrow = _as_spark_expects(pa.schema([pa.field(app, pa.string()), *first.arrow_schema]), df.sparkSession)

    def fetch(key: tuple[pa.Scalar, ...], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from im_profiles_spark._task import run_app

        return run_app(read, key[0].as_py(), batches, arrow)

    def fetch_at_once(key: tuple[pa.Scalar, ...], table: pa.Table) -> pa.Table:
        return pa.Table.from_batches(fetch(key, iter(table.to_batches())))

    return groups.applyInArrow(fetch if _has_iterators(df) else fetch_at_once, result)


def _as_spark_expects(schema: pa.Schema, session: SparkSession) -> pa.Schema:
    """Returns the Arrow types of a result of applyInArrow, which must be exact."""
    if not _is_on(session, "spark.sql.execution.arrow.useLargeVarTypes"):
        return schema
    large = {pa.string(): pa.large_string(), pa.binary(): pa.large_binary()}
    return pa.schema([field.with_type(large.get(field.type, field.type)) for field in schema])


def _has_iterators(df: DataFrame) -> bool:
    """Whether this version of Spark passes a group in batches; 4.0 passes all of it at once."""
    major, minor = df.sparkSession.version.split(".")[:2]
    return (int(major), int(minor)) >= (4, 1)


def _accounts(df: DataFrame, column: str, *others: Column) -> DataFrame:
    """Returns the accounts of a DataFrame as the program takes them, after other columns."""
    from pyspark.sql.types import BinaryType, DecimalType, IntegralType, StringType

    kind = _type_of(df, column)
    account = df[column]
    if isinstance(kind, DecimalType) and kind.scale == 0:
        account = account.cast("string")
    elif not isinstance(kind, StringType | BinaryType | IntegralType):
        raise TypeError(f"the column {column} is {kind.simpleString()}; cast it to string, binary or an integer")
    return df.select(*others, account.alias(ACCOUNT))


def _type_of(df: DataFrame, column: str) -> DataType:
    from pyspark.errors import AnalysisException

    try:
        # By select, `user` would be the function of that name.
        return df.select(df[column]).schema[0].dataType
    except AnalysisException as error:
        names = ", ".join(df.columns)
        raise ValueError(f"the DataFrame has no column {column}, or more than one; it has {names}") from error


def _spark_type(kind: pa.DataType) -> DataType:
    from pyspark.sql import types

    if pa.types.is_decimal128(kind):
        return types.DecimalType(kind.precision, kind.scale)
    by_name: dict[pa.DataType, DataType] = {
        pa.string(): types.StringType(),
        pa.int64(): types.LongType(),
        pa.int32(): types.IntegerType(),
        pa.binary(): types.BinaryType(),
        pa.date32(): types.DateType(),
    }
    return by_name[kind]


def _is_on(session: SparkSession, key: str) -> bool:
    return str(session.conf.get(key, "false")).strip().lower() not in ("false", "")


def _refuse_speculation(session: SparkSession) -> None:
    if _is_on(session, "spark.speculation"):
        raise ValueError(
            "spark.speculation is on, so Spark may run copies of tasks, which exceed the limit of the app; "
            "start the session with spark.speculation=false"
        )
