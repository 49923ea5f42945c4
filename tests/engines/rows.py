"""The accounts of the test, the rows that an export gives them, and the rows that an example has left."""

import csv
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

Row = tuple[Any, ...]

# Several chunks and batches, duplicates within and across chunks, and records that are not accounts.
ACCOUNTS: list[str | None] = [f"user{number}" for number in range(6_000)]
ACCOUNTS[10:10] = ["user5", "user6", "user5", None]
ACCOUNTS += ["user17", *(f"user{number}" for number in range(500)), "", "x" * 40, None, "007", "NULL", "用户", 'a"b,c']

# As DuckDB names them.
TYPES = "VARCHAR VARCHAR DATE BIGINT DECIMAL(20,0) BLOB VARCHAR BIGINT VARCHAR INTEGER"


def write_accounts(path: Path) -> None:
    pq.write_table(pa.table({"account": pa.array(ACCOUNTS, pa.string())}), path, row_group_size=1_000)


def exported_rows(directory: Path) -> Counter[Row]:
    """What `export` makes of the accounts with the same job, as rows of a stream."""
    settings = {
        "accounts.path": "accounts.parquet",
        "accounts.column": "account",
        "output.path": "snapshot",
        "limits.max_failed": "off",
        "limits.max_invalid": "off",
        "limits.max_not_found": "off",
    }
    command = ["im-profiles", "export", "nightly.toml", "--quiet", "--progress", "none"]
    command += [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    subprocess.run(command, cwd=directory, check=True)
    snapshot = directory / "snapshot"
    notes: dict[str, str] = {}
    for line in _lines(snapshot / "_rejected_values.tsv"):
        note = f'the value of {line["tag"]} is not of type {line["expected_type"]}: "{line["value"]}"'
        before = notes.get(line["account"])
        notes[line["account"]] = note if before is None else f"{before}; {note}"
    rows: dict[str | None, Row] = {}
    for row in duckdb.sql(f"FROM '{snapshot}/part-*.parquet'").fetchall():
        rows[row[0]] = (*row, "exported", None, notes.pop(row[0], None), None)
    assert not notes, notes
    for line in _lines(snapshot / "_failed_accounts.tsv"):
        code = int(line["error_code"]) if line["error_code"] else None
        failed = (line["category"], code, line["error_info"], int(line["attempts"]))
        # An export does not distinguish NULL from an empty text.
        assert line["account"] not in rows or line["account"] == "", line
        rows[line["account"]] = (line["account"], None, None, None, None, None, *failed)
    outcomes = Counter(row[6] for row in rows.values())
    assert {"exported", "not_found", "internal_error", "invalid_account"} <= outcomes.keys(), outcomes
    assert any(row[8] for row in rows.values() if row[6] == "exported"), "no value was rejected"
    assert any(cell is None for row in rows.values() if row[6] == "exported" for cell in row[1:6]), "no cell is NULL"
    return Counter(
        rows[account] if account is not None else _null(number) for number, account in enumerate(ACCOUNTS, 1)
    )


def _lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def _null(number: int) -> Row:
    info = f"row {number} has null in place of the account"
    return (None, None, None, None, None, None, "invalid_account", None, info, 0)


def read(connection: duckdb.DuckDBPyConnection, table: str) -> Counter[Row]:
    """The rows of an example, whose columns must have the right types."""
    found = connection.sql(f"FROM {table}")
    kinds = " ".join(str(kind) for kind in found.types)
    assert kinds == TYPES, kinds
    return Counter(_comparable(row) for row in found.fetchall())


def _comparable(row: Row) -> Row:
    """Without the attempts of exported rows: an emulator fails once for an account, to any caller."""
    *cells, outcome, code, info, attempts = row
    points = cells[4]
    cells[4] = None if points is None else int(points)
    if outcome == "exported":
        assert attempts >= 1, row
        attempts = None
    if cells[0] is None:
        # Records of text are counted by lines.
        info = info.replace("line ", "row ", 1)
    return (*cells, outcome, code, info, attempts)


def ensure_equal(found: Counter[Row], expected: Counter[Row]) -> None:
    missing, additional = expected - found, found - expected
    assert not missing and not additional, (
        f"missing {missing.total()}: {_some(missing)}\nadditional {additional.total()}: {_some(additional)}"
    )


def _some(rows: Iterable[Row]) -> list[str]:
    return [str(row)[:300] for row in list(rows)[:3]]
