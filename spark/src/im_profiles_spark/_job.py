"""A job, read once where the query is written and sent to the tasks with their function."""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa

from im_profiles_spark._errors import ProgramError
from im_profiles_spark._program import checked_program, package_version

# Where the program finds the accounts, whatever the column is called in the table and in the job.
ACCOUNT = "account"


@dataclass(frozen=True)
class Job:
    """A validated job. It has no secret: the job names an environment variable or a file of the executors.

    Attributes:
        name: The name of the job file.
        text: Its content.
        overrides: ``KEY=VALUE`` pairs that replace keys of the job.
        version: The version of this package that read it.
        calls_per_second: The limit of the app; 0 without one.
        arrow_schema: The columns of the result.
    """

    name: str
    text: bytes
    overrides: tuple[str, ...]
    version: str
    calls_per_second: int
    arrow_schema: pa.Schema

    def command(self, path: Path, *options: str) -> list[str]:
        """Returns the command that streams the job from a file with its text."""
        keys = [*self.overrides, f"accounts.column={ACCOUNT}"]
        return _command(checked_program(self.version), path, keys, *options)

    def write(self) -> Path:
        """Writes the job to a file of its own for this machine, unless it is there, and returns the path."""
        key = hashlib.sha256("\0".join([self.text.hex(), *self.overrides]).encode()).hexdigest()[:16]
        path = _work_directory() / f"im-profiles-{key}" / self.name
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            # Other tasks write the same file.
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                file.write(self.text)
            Path(file.name).replace(path)
        return path


def read_job(path: str | os.PathLike[str], *, overrides: Mapping[str, str | int | float | bool] | None = None) -> Job:
    """Reads and validates a job file, without a call and without its secret.

    Args:
        path: A job file of this machine.
        overrides: Keys of the job to replace, as with ``--set``: ``{"api.calls_per_second": 50}``.

    Raises:
        ProgramError: The program refuses the job; the text says why.

    Example:
        >>> read_job("nightly.toml").calls_per_second  # doctest: +SKIP
        200
    """
    path = Path(path)
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ProgramError(f"cannot read the job file {path}: {error.strerror}", 2) from None
    pairs = tuple(f"{key}={_written(value)}" for key, value in (overrides or {}).items())
    version = package_version()
    keys = [*pairs, f"accounts.column={ACCOUNT}"]
    command = _command(checked_program(version), path, keys, "--print-schema")
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    if result.returncode != 0:
        raise failure(result.returncode, error_of(result.stderr.decode(errors="replace").splitlines()))
    described = pa.ipc.open_stream(result.stdout).schema
    metadata = described.metadata or {}
    return Job(
        name=path.name,
        text=text,
        overrides=pairs,
        version=version,
        calls_per_second=int(metadata[b"im_profiles.calls_per_second"]),
        arrow_schema=described.remove_metadata(),
    )


def as_job(job: Job | str | os.PathLike[str], overrides: Mapping[str, str | int | float | bool] | None = None) -> Job:
    """Returns a job as it is, or reads it."""
    if not isinstance(job, Job):
        return read_job(job, overrides=overrides)
    if overrides:
        raise ValueError("the job was read before; give the overrides to read_job")
    return job


def error_of(lines: list[str]) -> str | None:
    """Returns the text of the last error line."""
    return next((line.removeprefix("error: ") for line in reversed(lines) if line.startswith("error: ")), None)


def failure(exit_code: int, error: str | None) -> ProgramError:
    """Returns the exception for a program that failed."""
    how = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
    return ProgramError(f"im-profiles: {error} ({how})" if error else f"im-profiles ended with {how}", exit_code)


def _written(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _command(program: str, path: Path, keys: list[str], *options: str) -> list[str]:
    sets = [argument for key in keys for argument in ("--set", key)]
    quiet = ["-q", "--progress", "none", "--log-format", "text"]
    return [program, "stream", str(path), *sets, *options, *quiet]


def _work_directory() -> Path:
    """Returns a directory that Spark deletes with the executor; elsewhere one that is deleted with this process."""
    if "pyspark" in sys.modules:
        from pyspark import SparkFiles, TaskContext

        if TaskContext.get() is not None:
            # Relative to the executor's, which need not be writable in a container.
            directory = Path(SparkFiles.getRootDirectory()).resolve()
            if os.access(directory, os.W_OK):
                return directory
    return Path(_temporary_directory().name)


@cache
def _temporary_directory() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="im-profiles-")
