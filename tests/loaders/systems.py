"""Runs the command of a system, and reads the table `profiles` that it leaves."""

import sqlite3
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

from rows import Row

# The types of the columns as the system names them, and the rows.
Table = tuple[list[str], list[Row]]


def _run_python(code: str) -> Any:
    names: dict[str, Any] = {}
    exec(compile(code, "docs/warehouses", "exec"), names)
    return names.get("profiles")


def _integer(number: Any) -> int | None:
    """A decimal or a text as an integer; fails for other forms, such as 7.0."""
    assert number is None or str(int(number)) == str(number), number
    return None if number is None else int(number)


def duckdb(code: str) -> Table:
    import duckdb

    with duckdb.connect() as connection:
        connection.sql(code)
        profiles = connection.sql("FROM profiles")
        return [str(kind) for kind in profiles.types], [Row(*row) for row in profiles.fetchall()]


def pandas(code: str) -> Table:
    import pandas

    profiles = _run_python(code)
    rows = profiles.itertuples(index=False)
    return [str(kind) for kind in profiles.dtypes], [Row(*(None if pandas.isna(x) else x for x in row)) for row in rows]


def polars(code: str) -> Table:
    profiles = _run_python(code)
    return [str(kind) for kind in profiles.dtypes], [Row(*row) for row in profiles.rows()]


def pyarrow(code: str) -> Table:
    profiles = _run_python(code)
    return [str(kind) for kind in profiles.schema.types], [Row(**row) for row in profiles.to_pylist()]


def spark(code: str) -> Table:
    profiles = _run_python(code)
    rows = [Row(**row.asDict()) for row in profiles.collect()]
    rows = [row._replace(points=_integer(row.points), token=_bytes(row.token)) for row in rows]
    return [kind for _, kind in profiles.dtypes], rows


def _bytes(token: Any) -> bytes | None:
    return token.encode() if isinstance(token, str) else token if token is None else bytes(token)


def clickhouse(code: str) -> Table:
    from chdb.session import Session

    session = Session()
    session.query("DROP TABLE IF EXISTS profiles")
    session.query(code)
    kinds = session.query("SELECT type FROM system.columns WHERE table = 'profiles' ORDER BY position", "TSVRaw")
    rows = [Row(**row) for row in session.query("SELECT * FROM profiles", "ArrowTable").to_pylist()]
    session.close()
    return str(kinds).split(), [row._replace(token=_bytes(row.token)) for row in rows]


def postgresql(code: str) -> Table:
    import psycopg

    from postgres import server

    with server():
        _run_python(code)
        with psycopg.connect() as connection:
            kinds = connection.execute(
                """SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                WHERE attrelid = 'profiles'::regclass AND attnum > 0 ORDER BY attnum"""
            ).fetchall()
            rows = [Row(*row) for row in connection.execute("SELECT * FROM profiles").fetchall()]
    return [kind for (kind,) in kinds], [row._replace(points=_integer(row.points)) for row in rows]


def sqlite(code: str) -> Table:
    Path("profiles.db").unlink(missing_ok=True)
    _run_python(code)
    database = sqlite3.connect("profiles.db")
    kinds = [kind for _, _, kind, *_ in database.execute("PRAGMA table_info(profiles)")]
    rows = [Row(*row) for row in database.execute("SELECT * FROM profiles")]
    return kinds, [_with_dates(row._replace(points=_integer(row.points))) for row in rows]


def _with_dates(row: Any) -> Row:
    birth_day = None if row.birth_day is None else date.fromisoformat(row.birth_day)
    return row._replace(birth_day=birth_day, dt=date.fromisoformat(row.dt))


SYSTEMS: dict[str, tuple[Callable[[str], Table], str]] = {
    "duckdb": (duckdb, "VARCHAR VARCHAR VARCHAR DATE BIGINT BIGINT UINTEGER UBIGINT BLOB DATE"),
    "pandas": (
        pandas,
        "string[pyarrow] string[pyarrow] string[pyarrow] date32[day][pyarrow] int64[pyarrow] int64[pyarrow]"
        " uint32[pyarrow] uint64[pyarrow] binary[pyarrow] date32[day][pyarrow]",
    ),
    "polars": (polars, "String String String Date Int64 Int64 UInt32 UInt64 Binary Date"),
    "pyarrow": (pyarrow, "string string string date32[day] int64 int64 uint32 uint64 binary date32[day]"),
    "spark": (spark, "string string string date bigint bigint bigint decimal(20,0) binary date"),
    "clickhouse": (
        clickhouse,
        "String Nullable(String) Nullable(String) Nullable(Date32) Nullable(Int64) Nullable(Int64) Nullable(UInt32)"
        " Nullable(UInt64) Nullable(String) Date",
    ),
    "postgresql": (postgresql, "text text text date bigint bigint bigint numeric(20,0) bytea date"),
    "sqlite": (sqlite, "TEXT TEXT TEXT TEXT INTEGER INTEGER INTEGER TEXT BLOB TEXT"),
}


def differences(found: Iterable[Row], expected: Iterable[Row]) -> list[str]:
    """Each cell that differs in value or Python type, and each row that is missing, additional or repeated."""
    lines = []
    found_rows: dict[tuple[str, str], Row] = {}
    for row in found:
        key = (str(row.account), str(row.dt))
        if key in found_rows:
            lines.append(f"{key} is there twice")
        found_rows[key] = row
    for row in expected:
        key = (row.account, str(row.dt))
        other = found_rows.pop(key, None)
        if other is None:
            lines.append(f"{key} is missing")
            continue
        for name, cell, other_cell in zip(Row._fields, row, other, strict=True):
            if (type(cell), cell) != (type(other_cell), other_cell):
                lines.append(f"{key} {name}: {other_cell!r} instead of {cell!r}")
    return lines + [f"{key} is not expected" for key in found_rows]
