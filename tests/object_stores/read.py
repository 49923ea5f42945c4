"""Usage: read.py URL. Reads the Parquet snapshot below an s3:// URL in several ways.

Prints one line of JSON: for each way, the rows as texts, sorted.
"""

import json
import os
import sys
import urllib.parse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_httpfs
import pyarrow.dataset
from pyarrow.fs import S3FileSystem

from s3 import ENDPOINT, REGION, get, split

URL = sys.argv[1].rstrip("/")
PARTS = [f"{URL}/{part['file']}" for part in json.loads(get(f"{URL}/_manifest.json") or b"")["parts"]]
SYMLINKS = (get(f"{URL}/_symlink_format_manifest/manifest") or b"").decode().split()


def _duckdb() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    (extension,) = Path(duckdb_extension_httpfs.__file__).parent.glob("extensions/*/httpfs.duckdb_extension")
    connection.execute(f"LOAD '{extension}'")
    server = urllib.parse.urlsplit(ENDPOINT)
    key_id, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    connection.execute(
        f"""CREATE SECRET (TYPE s3, KEY_ID '{key_id}', SECRET '{secret}', REGION '{REGION}',
        ENDPOINT '{server.netloc}', URL_STYLE 'path', USE_SSL {server.scheme == "https"})"""
    )
    return connection


def _rows(rows: Iterable[Iterable[Any]]) -> list[list[str | None]]:
    return sorted([_text(cell) for cell in row] for row in rows)


def _text(cell: Any) -> str | None:
    return None if cell is None else cell.decode() if isinstance(cell, bytes) else str(cell)


def _by_duckdb(paths: list[str]) -> list[list[str | None]]:
    return _rows(_duckdb().execute("SELECT * FROM read_parquet(?, hive_partitioning = false)", [paths]).fetchall())


def _by_pyarrow(source: Any) -> list[list[str | None]]:
    server = urllib.parse.urlsplit(ENDPOINT)
    files = S3FileSystem(endpoint_override=server.netloc, scheme=server.scheme, region=REGION)
    dataset = pyarrow.dataset.dataset(source, format="parquet", filesystem=files)
    return _rows(row.values() for row in dataset.to_table().to_pylist())


print(
    json.dumps(
        {
            "duckdb, pattern": _by_duckdb([f"{URL}/*.parquet"]),
            "duckdb, manifest": _by_duckdb(PARTS),
            "duckdb, symlink manifest": _by_duckdb(SYMLINKS),
            "pyarrow, directory": _by_pyarrow("/".join(split(URL))),
            "pyarrow, manifest": _by_pyarrow(["/".join(split(part)) for part in PARTS]),
        }
    )
)
