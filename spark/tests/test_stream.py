"""The program as a child process, without Spark."""

import datetime
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from processes import is_running, streams, wait_until
from receiver import COLUMNS, SECRET, SECRET_VARIABLE, Receiver, receiver

from im_profiles_spark import ProgramError, fetch_table, read_job
from im_profiles_spark._stream import stream


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)


def accounts(count: int, first: int = 0) -> pa.RecordBatch:
    return pa.record_batch({"account": [f"u{number}" for number in range(first, first + count)]})


def endless() -> Iterator[pa.RecordBatch]:
    first = 0
    while True:
        yield accounts(1_000, first)
        first += 1_000


def test_table_has_one_row_per_account(service: Receiver) -> None:
    table = pa.table({"id": ["u1", None, "u2", "u1", "x" * 40], "other": [1, 2, 3, 4, 5]})
    rows = fetch_table(table, service.job(), column="id")
    assert rows.column_names == ["account", *COLUMNS, "outcome", "error_code", "error_info", "attempts"]
    kinds = {field.name: field.type for field in rows.schema}
    assert kinds["points"] == pa.decimal128(20, 0)
    assert kinds["level"] == pa.int64()
    assert kinds["birth_day"] == pa.date32()
    assert kinds["token"] == pa.binary()
    found = sorted(zip(rows["account"].to_pylist(), rows["outcome"].to_pylist(), strict=True), key=str)
    assert found == [
        ("u1", "exported"),
        ("u1", "exported"),
        ("u2", "exported"),
        ("x" * 40, "invalid_account"),
        (None, "invalid_account"),
    ]
    assert any(isinstance(value, datetime.date) for value in rows["birth_day"].to_pylist())


def test_table_without_rows_makes_no_call(service: Receiver) -> None:
    job = read_job(service.job())
    rows = fetch_table(pa.table({"account": pa.array([], pa.string())}), job)
    assert rows.num_rows == 0
    assert rows.schema == job.arrow_schema
    assert service.calls() == 0


def test_table_may_be_a_single_large_batch(service: Receiver) -> None:
    # The program refuses larger batches.
    job = read_job(service.job(), overrides={"limits.memory": "32MiB"})
    names = [f"{number:0200}" for number in range(200_000)]
    table = pa.table({"account": names, "unused": names}).slice(7)
    rows = fetch_table(table, job)
    assert set(rows["outcome"].to_pylist()) == {"invalid_account"}
    assert sorted(rows["account"].to_pylist()) == names[7:]


def test_column_must_exist(service: Receiver) -> None:
    with pytest.raises(ValueError, match="the table has no column account; it has a, b"):
        fetch_table(pa.table({"a": ["u"], "b": ["u"]}), service.job())


def test_overrides_are_passed_to_the_program(service: Receiver) -> None:
    job = read_job(service.job(), overrides={"api.calls_per_second": 7, "columns.0.name": "alias"})
    assert job.calls_per_second == 7
    assert job.arrow_schema.names[1] == "alias"
    assert fetch_table(pa.table(accounts(3).columns, ["account"]), job).column_names[1] == "alias"


def test_job_is_refused_with_the_message_of_the_program(service: Receiver) -> None:
    with pytest.raises(ProgramError, match="calls_per_second") as raised:
        read_job(service.job(), overrides={"api.calls_per_second": "many"})
    assert raised.value.exit_code == 2


def test_wrong_key_is_the_exception(service: Receiver) -> None:
    wrong = "0" * 64
    with pytest.raises(ProgramError, match=r"im-profiles: .+ \(exit code 4\)") as raised:
        fetch_table(pa.table(accounts(1_000).columns, ["account"]), service.job(secret=wrong))
    assert raised.value.exit_code == 4
    assert wrong not in str(raised.value)


def test_closed_iterator_ends_the_program(service: Receiver) -> None:
    job = service.job(name="closed.toml")
    rows = stream(read_job(job), endless(), None)
    assert next(rows).num_rows > 0
    assert len(streams("closed.toml")) == 1
    rows.close()  # type: ignore[attr-defined]
    assert streams("closed.toml") == []
    wait_until(lambda: not any(thread.name.startswith("im-profiles") for thread in threading.enumerate()))


def test_error_of_the_input_is_raised_and_ends_the_program(service: Receiver) -> None:
    def fail() -> Iterator[pa.RecordBatch]:
        yield accounts(100)
        raise LookupError("the input is gone")

    with pytest.raises(LookupError, match="the input is gone"):
        list(stream(read_job(service.job(name="input.toml")), fail(), None))
    assert streams("input.toml") == []


def test_input_that_waits_does_not_hold_up_a_failure(service: Receiver) -> None:
    never = threading.Event()

    def wait() -> Iterator[pa.RecordBatch]:
        yield accounts(100)
        never.wait()

    with pytest.raises(ProgramError, match="exit code 4"):
        list(stream(read_job(service.job(secret="0" * 64)), wait(), None))
    never.set()


def test_killed_program_is_the_exception(service: Receiver) -> None:
    rows = stream(read_job(service.job(name="killed.toml")), endless(), None)
    next(rows)
    os.kill(streams("killed.toml")[0], signal.SIGKILL)
    with pytest.raises(ProgramError, match="im-profiles ended with signal 9"):
        list(rows)


def test_input_is_not_read_ahead(service: Receiver) -> None:
    """If no row is taken, neither the program nor its feeder reads on."""
    supplied = 0

    def count() -> Iterator[pa.RecordBatch]:
        nonlocal supplied
        for batch in endless():
            supplied += batch.num_rows
            yield batch

    job = read_job(service.job(name="slow.toml", calls_per_second=0))
    rows = stream(job, count(), None)
    taken = next(rows).num_rows
    # Nothing moves once all of its buffers are full.
    before = -1
    while before != (now := service.calls()) or now == 0:
        before = now
        threading.Event().wait(1)
    assert supplied < 1_000_000
    assert supplied >= taken
    rows.close()  # type: ignore[attr-defined]


def test_program_does_not_survive_a_killed_worker(tmp_path: Path) -> None:
    """Not even if the worker has started another program that lives on."""
    code = """
import subprocess, sys
from test_stream import endless
from im_profiles_spark import read_job
from im_profiles_spark._stream import stream
rows = stream(read_job(sys.argv[1]), endless(), None)
next(rows)
other = subprocess.Popen(["sleep", "600"], close_fds=False, stdout=subprocess.DEVNULL)
print(other.pid, flush=True)
for batch in rows:
    pass
"""
    with receiver(tmp_path, recorded=False) as service:
        job = service.job(name="orphan.toml")
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        with subprocess.Popen(
            [sys.executable, "-c", code, str(job)], env=environment, stdout=subprocess.PIPE, text=True
        ) as worker:
            assert worker.stdout is not None
            other = int(worker.stdout.readline())
            assert len(streams("orphan.toml")) == 1
            worker.kill()
        wait_until(lambda: streams("orphan.toml") == [])
        calls = service.calls()
        assert is_running(other)
        os.kill(other, signal.SIGKILL)
        assert service.calls() == calls


def test_log_of_the_program_reaches_stderr(service: Receiver, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ProgramError):
        fetch_table(pa.table(accounts(10).columns, ["account"]), service.job(secret="0" * 64))
    assert "error: " in capfd.readouterr().err
