"""Recursive globs and reads of whole directories, beside a run that was killed half way.

Each must find the rows of the published parts and nothing else: neither staged parts nor sidecars.
"""

from collections.abc import Callable

ROOT = "exports/profiles"


def _duckdb(path: str, form: str) -> list[str]:
    import duckdb

    read = f"read_csv('{path}', all_varchar = true)" if form == "csv" else f"read_parquet('{path}')"
    return [account for (account,) in duckdb.sql(f"SELECT account FROM {read}").fetchall()]


def _polars(path: str, form: str) -> list[str]:
    import polars as pl

    frame = pl.read_csv(path, infer_schema=False) if form == "csv" else pl.read_parquet(path)
    return frame["account"].to_list()


def _pyarrow(path: str, form: str) -> list[str]:
    import pyarrow as pa
    import pyarrow.csv as csv
    import pyarrow.dataset as ds

    csv_format = ds.CsvFileFormat(
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(column_types={"account": pa.string()}),
    )
    dataset = ds.dataset(path, format=csv_format if form == "csv" else form)
    return dataset.to_table(columns=["account"])["account"].to_pylist()


def _clickhouse(path: str, form: str) -> list[str]:
    import chdb

    name = "CSVWithNames" if form == "csv" else "Parquet"
    query = f"SELECT account FROM file('{path}', {name}, 'account String')"
    return chdb.query(query, "ArrowTable")["account"].to_pylist()


def _spark(path: str, form: str) -> list[str]:
    from pyspark.sql import SparkSession

    reader = SparkSession.builder.getOrCreate().read.options(header=True, multiLine=True, escape='"')
    frame = reader.load(path, format=form, recursiveFileLookup=True)
    return [row.account for row in frame.select("account").collect()]


_GLOBS = (f"{ROOT}/*/*.", f"{ROOT}/**/*.", "exports/**/*.")
_DIRECTORIES = (ROOT, "exports")
# The paths that a system reads, and those that it refuses because a snapshot has files of several kinds.
_READS: dict[str, tuple[Callable[[str, str], list[str]], tuple[str, ...], tuple[str, ...]]] = {
    "duckdb": (_duckdb, (*_GLOBS, *_DIRECTORIES), ()),
    "polars": (_polars, _GLOBS, _DIRECTORIES),
    "pyarrow": (_pyarrow, _DIRECTORIES, ()),
    "clickhouse": (_clickhouse, _GLOBS, ()),
    "spark": (_spark, _DIRECTORIES, ()),
}


def glob_problems(system: str, form: str, accounts: list[str]) -> list[str]:
    """The paths whose rows are not those of these accounts, sorted."""
    if system not in _READS:
        return []
    read, right, refused = _READS[system]
    problems = []
    for path in (f"{path}{form}" if path.endswith(".") else path for path in right):
        found = sorted(map(str, read(path, form)))
        if found != accounts:
            problems.append(f"{path}: {len(found)} rows instead of {len(accounts)}")
    for path in refused:
        try:
            found = sorted(map(str, read(path, form)))
        except Exception:
            continue
        if found != accounts:
            problems.append(f"{path}: {len(found)} rows instead of {len(accounts)} or an error")
    return problems
