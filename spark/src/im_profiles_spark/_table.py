"""Profiles of an Arrow table of accounts, in any process."""

import os

import pyarrow as pa

from im_profiles_spark._job import ACCOUNT, Job, as_job
from im_profiles_spark._shares import rate_share
from im_profiles_spark._stream import stream


def fetch_table(table: pa.Table, job: Job | str | os.PathLike[str], *, column: str = ACCOUNT) -> pa.Table:
    """Returns the profiles of the accounts in a column of a table, at the full rate of the job.

    It needs no Spark. In a task, such as in a function of ``applyInArrow``, pass a ``Job`` of ``read_job``, because the
    job file is not on the executor.

    Args:
        table: A table with a column of text, binary or integers.
        job: A job file of this machine, or a job that was read.
        column: The column that contains the accounts.

    Returns:
        One row per row of ``table``, in any order, with the columns of ``schema(job)``.

    Raises:
        ProgramError: The program has failed; the text has its last error line.

    Example:
        >>> import pyarrow as pa
        >>> fetch_table(pa.table({"account": ["alice", "bob"]}), "nightly.toml")  # doctest: +SKIP
    """
    if column not in table.column_names:
        raise ValueError(f"the table has no column {column}; it has {', '.join(table.column_names)}")
    job = as_job(job)
    accounts = table.select([column]).rename_columns([ACCOUNT])
    rows = stream(job, iter(accounts.to_batches()), rate_share(0, 1, job.calls_per_second))
    return pa.Table.from_batches((batch.replace_schema_metadata() for batch in rows), job.arrow_schema)
