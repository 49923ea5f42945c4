"""What a task of Spark runs."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
from pyspark import TaskContext

from im_profiles_spark._errors import ProgramError
from im_profiles_spark._job import ACCOUNT, Job
from im_profiles_spark._shares import rate_share
from im_profiles_spark._stream import stream

# A job, an input or a key that is not accepted: another attempt would make the same calls and fail the same way.
_FATAL = (2, 4)


def run_partition(job: Job, parallelism: int, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yields the rows of one of ``parallelism`` partitions, within its share of the calls."""
    # After a union, the numbers of the partitions are consecutive, but do not start at 0.
    share = rate_share(_context().partitionId() % parallelism, parallelism, job.calls_per_second)
    yield from _run(job, batches, share)


def run_app(
    jobs: Mapping[str, Job], app: str | None, batches: Iterator[pa.RecordBatch], result: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Yields the rows of all accounts of an app, at its full rate, after a column with the app."""
    job = None if app is None else jobs.get(app)
    if job is None:
        raise ValueError(f"there is no job for the app {app!r}; add it to jobs, or filter its accounts out")
    accounts = (batch.select([ACCOUNT]) for batch in batches)
    for rows in _run(job, accounts, rate_share(0, 1, job.calls_per_second)):
        columns = [pa.repeat(app, rows.num_rows), *rows.columns]
        yield pa.RecordBatch.from_arrays(columns, result.names).cast(result)


def _run(job: Job, batches: Iterator[pa.RecordBatch], share: str | None) -> Iterator[pa.RecordBatch]:
    """Fails without a call if another attempt has failed on this executor in a way that a retry cannot change."""
    failed = job.write().with_name(f"failed-{_context().stageId()}")
    if failed.exists():
        raise _recorded(failed)
    try:
        yield from stream(job, batches, share)
    except ProgramError as error:
        if error.exit_code in _FATAL:
            # Without it, a retry only takes longer.
            with contextlib.suppress(OSError):
                failed.write_text(f"{error.exit_code} {error}")
        raise


def _recorded(failed: Path) -> ProgramError:
    exit_code, _, message = failed.read_text().partition(" ")
    return ProgramError(message, int(exit_code or 1))


def _context() -> TaskContext:
    context = TaskContext.get()
    assert context is not None, "this runs in tasks of Spark"
    return context
