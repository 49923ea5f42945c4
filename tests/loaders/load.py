"""Usage: load.py SYSTEM, in the directory of the variants. Runs the commands of the system and compares every value.

A process per system, because they do not share one well.
"""

import os
import sys
import time
import traceback
from pathlib import Path

from documents import command
from globs import glob_problems
from rows import expected_rows
from snapshots import VARIANTS
from systems import SYSTEMS, differences


def _load(system: str, variant: str) -> list[str]:
    load, expected_types = SYSTEMS[system]
    types, rows = load(command(system, variant))
    expected = expected_rows()
    if system == "postgresql":
        # Documented: its texts cannot contain U+0000.
        expected = [row._replace(nick=row.nick and row.nick.replace("\0", "")) for row in expected]
    problems = differences(rows, expected)
    if types != expected_types.split():
        problems.append(f"types {types} instead of {expected_types.split()}")
    if variant in ("parquet", "csv"):
        problems += glob_problems(system, variant, sorted(row.account for row in expected))
    return problems


def main() -> None:
    system = sys.argv[1]
    variants = Path.cwd()
    # Spark resolves paths against the directory in which its JVM started: all variants are read from the same one.
    work = variants / f"work-{system}"
    work.mkdir()
    os.chdir(work)
    failed = 0
    for variant in VARIANTS:
        Path("exports").unlink(missing_ok=True)
        Path("exports").symlink_to(variants / variant / "exports")
        started = time.monotonic()
        try:
            problems = _load(system, variant)
        except Exception:
            problems = [traceback.format_exc()]
        failed += bool(problems)
        print(
            f"{time.monotonic() - started:6.1f} s  {'FAILED' if problems else 'ok':6}  {system} {variant}", flush=True
        )
        print("".join(f"    {problem}\n" for problem in problems[:20]), end="", flush=True)
    # Threads of the systems may keep a process from ending.
    sys.stdout.flush()
    os._exit(min(failed, 100))


main()
