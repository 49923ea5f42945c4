"""Processes of this machine, by their command lines."""

import time
from collections.abc import Callable
from pathlib import Path

# Only ends a test that would never end otherwise.
_HANG = 120.0


def streams(job: str) -> list[int]:
    """Returns the processes that stream a job file of this name."""
    processes = (int(directory.name) for directory in Path("/proc").glob("[0-9]*"))
    return [process for process in processes if _is_stream(_arguments(process), job)]


def _is_stream(arguments: list[str], job: str) -> bool:
    return arguments[1:2] == ["stream"] and Path(arguments[2]).name == job


def is_running(process: int) -> bool:
    """Whether a process exists and is not a zombie."""
    return bool(_arguments(process))


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def executor_of(process: int) -> int:
    """Returns the JVM of the executor that a process descends from."""
    while not any("CoarseGrainedExecutorBackend" in argument for argument in _arguments(process)):
        process = parent(process)
    return process


def memory_kib(process: int) -> int:
    """Returns the resident memory of a process, 0 if it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), 0)


def wait_until(condition: Callable[[], bool]) -> None:
    """Returns once a condition holds."""
    end = time.monotonic() + _HANG
    while not condition():
        assert time.monotonic() < end, "the condition never held"
        time.sleep(0.02)


def _arguments(process: int) -> list[str]:
    try:
        return Path(f"/proc/{process}/cmdline").read_text(errors="replace").split("\0")[:-1]
    except OSError:
        return []
