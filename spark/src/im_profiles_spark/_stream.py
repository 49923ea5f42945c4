"""Pipes record batches through the program."""

import contextlib
import itertools
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from typing import IO

import pyarrow as pa

from im_profiles_spark._errors import ProgramError
from im_profiles_spark._job import Job, error_of, failure

# Longer lines of the program are cut, so that its log needs little memory whatever it writes.
_LONGEST_LINE = 64 * 1024

# Accounts in a batch that the program reads. A table may be a single batch, and those of Spark may have any size.
_LARGEST_BATCH = 10_000


def stream(job: Job, batches: Iterator[pa.RecordBatch], share: str | None) -> Iterator[pa.RecordBatch]:
    """Yields the rows of the accounts in ``batches``, which have one column, as the program writes them.

    Nothing is queued: the program reads the next batch when it has capacity for it, and calls the service only as fast
    as its rows are taken. The program does not outlive the iterator. Without accounts, no program is started.
    """
    first = next((batch for batch in batches if batch.num_rows > 0), None)
    if first is None:
        return
    options = [] if share is None else ["--rate-share", share]
    # Like every program that Python starts, it inherits no other file, so it is the only one with the other ends of its
    # pipes. It notices when this process dies.
    child = subprocess.Popen(
        job.command(job.write(), *options), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    log = _Log(child.stderr)
    feeder = _Feeder(child, child.stdin, itertools.chain([first], batches))
    try:
        rows = yield from _read(child.stdout)
        exit_code = child.wait()
    finally:
        # The consumer may have closed this iterator. Has no effect on a program that has ended.
        child.kill()
        child.wait()
        log.join()
        child.stdout.close()
    if exit_code != 0 and not feeder.has_failed:
        raise failure(exit_code, log.error)
    accounts = feeder.result()
    if rows != accounts:
        raise ProgramError(f"im-profiles wrote {rows} rows for {accounts} accounts; report this as a bug", exit_code)


def _read(stdout: IO[bytes]) -> Generator[pa.RecordBatch, None, int]:
    """Yields the batches of a program, and returns their number of rows. Its exit code says why they end early."""
    rows = 0
    try:
        reader = pa.ipc.open_stream(stdout)
    except (pa.ArrowInvalid, OSError):
        return rows
    while True:
        try:
            batch = reader.read_next_batch()
        except (StopIteration, pa.ArrowInvalid, OSError):
            return rows
        rows += batch.num_rows
        yield batch


class _Feeder:
    """Writes accounts to the program on a thread, and keeps the error of their supplier."""

    def __init__(self, child: "subprocess.Popen[bytes]", stdin: IO[bytes], batches: Iterator[pa.RecordBatch]) -> None:
        self.accounts = 0
        self._child, self._stdin, self._batches = child, stdin, batches
        self._error: BaseException | None = None
        # A daemon, because it may still wait for accounts when the program has failed.
        self._thread = threading.Thread(target=self._run, name="im-profiles stdin", daemon=True)
        self._thread.start()

    def result(self) -> int:
        """Returns the number of accounts once all are written, or raises the error of their supplier."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self.accounts

    @property
    def has_failed(self) -> bool:
        return self._error is not None

    def _run(self) -> None:
        # The program may end before it has read everything, and then its exit code says why.
        with contextlib.suppress(BrokenPipeError), self._stdin:
            writer = None
            while (batch := self._next()) is not None:
                if writer is None:
                    writer = pa.ipc.new_stream(self._stdin, batch.schema)
                for first in range(0, batch.num_rows, _LARGEST_BATCH):
                    writer.write_batch(batch.slice(first, _LARGEST_BATCH))
                # Accounts do not wait for more of them.
                self._stdin.flush()
                self.accounts += batch.num_rows
            if writer is not None and not self.has_failed:
                writer.close()

    def _next(self) -> pa.RecordBatch | None:
        try:
            return next(self._batches, None)
        except BaseException as error:
            self._error = error
            # It would take the end of its input for the end of the accounts.
            self._child.kill()
            return None


class _Log:
    """Copies the log of the program to stderr, which Spark keeps with the log of the executor."""

    def __init__(self, stderr: IO[bytes]) -> None:
        self.error: str | None = None
        self._stderr = stderr
        self._thread = threading.Thread(target=self._run, name="im-profiles stderr", daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        with self._stderr:
            while line := self._stderr.readline(_LONGEST_LINE):
                text = line.decode(errors="replace").rstrip("\n")
                self.error = error_of([text]) or self.error
                # The program must not wait for a reader of its log.
                with contextlib.suppress(OSError, ValueError):
                    print(text, file=sys.stderr, flush=True)
