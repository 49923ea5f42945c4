"""Runs the examples of docs/engines.md, and reads what they leave."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from documents import blocks
from rows import ACCOUNTS, TYPES, Row, ensure_equal, read, write_accounts
from service import KEY, peak_calls_per_second, service, write_job

_NAMES = ["account", "nick", "birth_day", "coins", "points", "token", "outcome", "error_code", "error_info", "attempts"]


@dataclass
class Example:
    """What a block needs beside accounts.parquet and nightly.toml, and the table that it leaves."""

    table: str
    prepare: Callable[[Path], None] = lambda directory: None
    # Python that follows the block.
    finish: str = ""
    refuses_failures: bool = True


def _add_members(directory: Path) -> None:
    with duckdb.connect(directory / "shop.duckdb") as connection:
        connection.sql(f"CREATE TABLE IF NOT EXISTS members AS FROM '{directory}/accounts.parquet'")


EXAMPLES = {
    "pyarrow": Example("read_parquet('{}/profiles.parquet')"),
    "polars": Example("read_parquet('{}/profiles.parquet')"),
    "duckdb": Example("shop.profiles", _add_members),
    "duckdb-shell": Example("shop.profiles", refuses_failures=False),
    "pandas": Example(
        "read_parquet('{}/profiles.parquet')", finish='profiles.to_parquet("profiles.parquet")', refuses_failures=False
    ),
}


def run(name: str, directory: Path, key: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a block in a directory, with another secret key if one is given."""
    language, text = blocks()[name]
    command = ["bash", "-c", text] if language == "sh" else [sys.executable, "-c", text + EXAMPLES[name].finish]
    environment = os.environ | ({} if key is None else {KEY: key}) | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True)


def rows_of(name: str, directory: Path) -> Counter[Row]:
    with duckdb.connect() as connection:
        if (shop := directory / "shop.duckdb").exists():
            connection.sql(f"ATTACH '{shop}' (READ_ONLY)")
        return read(connection, EXAMPLES[name].table.format(directory))


def check(name: str, root: Path, url: str, failing_url: str, expected: Counter[Row]) -> None:
    """The rows are right, also in a second run, and no failure replaces them."""
    directory = root / name
    directory.mkdir()
    write_accounts(directory / "accounts.parquet")
    (directory / "stream_profiles.py").write_text(blocks()["stream_profiles.py"][1])
    EXAMPLES[name].prepare(directory)
    write_job(directory, url)
    for _ in range(2):
        result = run(name, directory)
        assert result.returncode == 0, result.stderr
        ensure_equal(rows_of(name, directory), expected)

    refused = run(name, directory, key="0" * 64)
    assert refused.returncode == (4 if name == "duckdb-shell" else 1), refused
    assert "error: the service refused the call: code 70009" in refused.stderr, refused.stderr
    assert name == "duckdb-shell" or "exit code 4" in refused.stderr, refused.stderr
    ensure_equal(rows_of(name, directory), expected)

    if EXAMPLES[name].refuses_failures:
        write_job(directory, failing_url)
        refused = run(name, directory)
        assert refused.returncode == 1 and "accounts have failed" in refused.stderr, refused.stderr
        ensure_equal(rows_of(name, directory), expected)


def check_rate_share(root: Path, expected: Counter[Row]) -> None:
    """Two processes use half of the limit each and write every row."""
    directory = root / "rate-share"
    directory.mkdir()
    # Lines hold neither NULL nor an empty text.
    accounts = [account for account in ACCOUNTS if account]
    for number in (1, 2):
        lines = "".join(f"{account}\n" for account in accounts[number - 1 :: 2])
        (directory / f"accounts-{number}.txt").write_text(lines)
    columns = dict(zip(_NAMES, [*TYPES.split()[:5], "VARCHAR", *TYPES.split()[6:]], strict=True))
    csv = f"""(SELECT * REPLACE (from_base64(token) AS token)
        FROM read_csv('{directory}/rows-*.csv', columns = {columns},
        auto_detect = false, header = true, quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = false))"""
    with service(directory) as url, duckdb.connect() as connection:
        write_job(directory, url, calls_per_second=30)
        result = run("rate-share", directory)
        assert result.returncode == 0, result.stderr
        ensure_equal(read(connection, csv), Counter({row: count for row, count in expected.items() if row[0]}))
        # More calls than the limit are made.
        peak = peak_calls_per_second(url)
    assert peak <= 30, peak
