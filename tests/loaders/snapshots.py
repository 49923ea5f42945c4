"""Exports the rows with the built program from its emulator."""

import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from documents import columns
from rows import ACCOUNTS, ACCOUNTS_OF_DATE, UNKNOWN, expected_rows, profile

# Format and compression of each variant; its directory has the snapshots where docs/warehouses/ expects them.
VARIANTS = {
    "parquet": ("parquet", "zstd"),
    "csv": ("csv", "none"),
    "csv-gzip": ("csv", "gzip"),
    "csv-zstd": ("csv", "zstd"),
}
TABLE_ROOT = "exports/profiles"
UNFINISHED_DATE = "2026-11-27"


def _write_inputs(directory: Path) -> None:
    profiles = {row.account: profile(row) for row in expected_rows()}
    (directory / "profiles.ndjson").write_text("".join(f"{json.dumps(one)}\n" for one in profiles.values()))
    lists = {day: [*(ACCOUNTS[index] for index in indexes), UNKNOWN] for day, indexes in ACCOUNTS_OF_DATE.items()}
    lists[UNFINISHED_DATE] = [f"unfinished-{number}" for number in range(2_000)]
    for day, accounts in lists.items():
        lines = "".join(f"{json.dumps({'account': account})}\n" for account in accounts)
        (directory / f"accounts-{day}.ndjson").write_text(lines)
    (directory / "job.toml").write_text(f"""
name = "loaders"
[accounts]
path = "accounts-{{date}}.ndjson"
column = "account"
[api]
sdkappid = 1400000000
{columns()}[output]
accounts_per_part = 100
[limits]
max_failed = "off"
""")


@contextmanager
def _emulator(program: Path, directory: Path, environment: dict[str, str]) -> Iterator[str]:
    command = [str(program), "emulate", "--listen", "127.0.0.1:0", "--profiles", str(directory / "profiles.ndjson")]
    command += ["--secret-key-env", "IM_SECRET_KEY"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _command(program: Path, directory: Path, variant: str, date: str) -> list[str]:
    kind, compression = VARIANTS[variant]
    settings = {
        "output.path": f"{variant}/{TABLE_ROOT}/dt={{date}}",
        "output.format": kind,
        "output.compression": compression,
    }
    command = [str(program), "export", str(directory / "job.toml"), "--date", date, "--progress", "none", "--quiet"]
    return command + [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]


def export_all(program: Path, directory: Path) -> None:
    """Publishes a snapshot per date and variant; each variant also has a run that was killed half way."""
    _write_inputs(directory)
    environment = {"IM_SECRET_KEY": secrets.token_hex(32), "PATH": os.environ["PATH"]}
    with _emulator(program, directory, environment) as url:
        api = ["--set", f"api.base_url={url}", "--set", "api.secret_key_env=IM_SECRET_KEY"]
        for variant in VARIANTS:
            for date in ACCOUNTS_OF_DATE:
                subprocess.run([*_command(program, directory, variant, date), *api], env=environment, check=True)
    for variant in VARIANTS:
        _kill_half_way(program, directory, variant)


def _kill_half_way(program: Path, directory: Path, variant: str) -> None:
    command = [*_command(program, directory, variant, UNFINISHED_DATE), "--set", "api.emulator=true"]
    # A part per second, of twenty.
    command += ["--set", "api.calls_per_second=1"]
    published = _parts(directory / variant)
    with subprocess.Popen(command) as process:
        # The first of three parts is complete.
        while _parts(directory / variant) < published + 3:
            assert process.poll() is None, "the run ended before it staged three parts"
            time.sleep(0.01)
        process.kill()


def _parts(directory: Path) -> int:
    return sum("part-" in path.name for path in directory.rglob("*"))
