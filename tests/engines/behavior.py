"""What docs/engines.md says of failures and of readers that leave. Runs in the directory of an example."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

STREAM = ["im-profiles", "stream", "nightly.toml", "--progress", "none", "--quiet"]
SCHEMA = pa.schema({"account": pa.string()})


def _many() -> Iterator[pa.RecordBatch]:
    for start in range(0, 10_000_000, 1_000):
        yield pa.record_batch({"account": [str(number) for number in range(start, start + 1_000)]})


def _broken() -> Iterator[pa.RecordBatch]:
    yield pa.record_batch({"account": ["alice"]})
    raise BrokenPipeError("the source has failed")


def _stream(batches: Iterator[pa.RecordBatch]) -> contextlib.AbstractContextManager[pa.RecordBatchReader]:
    # A block of the document, which the test has written to this directory.
    from stream_profiles import stream_profiles

    return stream_profiles(pa.RecordBatchReader.from_batches(SCHEMA, batches), "nightly.toml")


def _children() -> str:
    return "".join(path.read_text() for path in Path("/proc/self/task").glob("*/children"))


def reader_that_leaves_ends_the_program() -> None:
    with _stream(_many()) as rows:
        assert rows.read_next_batch().num_rows > 0
        assert _children()
    assert not _children(), _children()


def error_of_the_caller_ends_program_and_interpreter() -> None:
    result = subprocess.run(
        [sys.executable, __file__, "error_of_the_caller"],
        # Otherwise it would wait forever.
        timeout=120,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1 and "the disk is full" in result.stderr, result


def error_of_the_caller() -> None:
    with _stream(_many()) as rows:
        rows.read_next_batch()
        raise RuntimeError("the disk is full")


def failed_source_fails_the_rows() -> None:
    with contextlib.suppress(BrokenPipeError), _stream(_broken()) as rows:
        rows.read_all()
        raise AssertionError("the rows of a broken source are complete")


def stream_without_accounts_has_no_rows() -> None:
    with _stream(iter([])) as rows:
        assert rows.read_all().num_rows == 0
    assert [field.name for field in rows.schema][-4:] == ["outcome", "error_code", "error_info", "attempts"]


def arrow_reader_does_not_notice_a_failed_run() -> None:
    with subprocess.Popen(STREAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin and process.stdout and process.stderr
        writer = pa.ipc.new_stream(process.stdin, SCHEMA)
        writer.write_batch(pa.record_batch({"account": ["alice"]}))
        process.stdin.flush()
        rows = pa.ipc.open_stream(process.stdout)
        # Latency: the account does not wait for more.
        assert rows.read_next_batch().num_rows == 1
        process.send_signal(signal.SIGTERM)
        assert rows.read_all().num_rows == 0
        assert process.stderr.read().splitlines()[-1].startswith(b"error: stopped by SIGTERM")
        assert process.wait() == 143


def closed_pipe_is_141() -> None:
    script = f"seq 1000000 | {' '.join(STREAM)} --input txt --output csv | head -n 2; echo ${{PIPESTATUS[1]}}"
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    lines = result.stdout.splitlines()
    assert lines[0].startswith("account,nick,"), lines
    assert lines[-1] == "141", (lines, result.stderr)
    assert result.stderr.startswith("error: the reader of standard output closed it too early "), result.stderr


def _accounts(form: str, text: bytes) -> list[str | None]:
    command = [*STREAM, "--input", form, "--output", "ndjson"]
    output = subprocess.run(command, input=text, stdout=subprocess.PIPE, check=True).stdout
    return sorted((json.loads(line)["account"] for line in output.splitlines()), key=str)


def records_are_as_documented() -> None:
    assert _accounts("csv", b'account\na\n\naccount\n""\n') == ["", "a", "account"]
    assert _accounts("ndjson", b'{"account":null}\n{"account":""}\n\n{"account":7}\n') == ["", "7", None]
    assert _accounts("txt", b"") == []
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, SCHEMA) as writer:
        writer.write_batch(pa.record_batch({"account": ["a", None]}))
        without_end = stream.getvalue()
    assert _accounts("arrow", without_end) == _accounts("arrow", stream.getvalue()) == [None, "a"]


def schema_needs_no_secret() -> None:
    environment = {"PATH": os.environ["PATH"]}
    output = subprocess.run([*STREAM, "--print-schema"], env=environment, stdout=subprocess.PIPE, check=True).stdout
    schema = pa.ipc.open_stream(output).schema
    kinds = [f"{field.name} {field.type}{'' if field.nullable else ' not null'}" for field in schema]
    assert kinds == [
        "account string",
        "nick string",
        "birth_day date32[day]",
        "coins int64",
        "points decimal128(20, 0)",
        "token binary",
        "outcome string not null",
        "error_code int64",
        "error_info string",
        "attempts int32 not null",
    ], kinds
    assert schema.metadata.keys() == {b"im_profiles.version", b"im_profiles.calls_per_second"}


CHECKS = (
    reader_that_leaves_ends_the_program,
    error_of_the_caller_ends_program_and_interpreter,
    failed_source_fails_the_rows,
    stream_without_accounts_has_no_rows,
    arrow_reader_does_not_notice_a_failed_run,
    closed_pipe_is_141,
    records_are_as_documented,
    schema_needs_no_secret,
)

if sys.argv[1:] == ["error_of_the_caller"]:
    error_of_the_caller()
for check in CHECKS:
    check()
    print(f"passed  {check.__name__}", flush=True)
