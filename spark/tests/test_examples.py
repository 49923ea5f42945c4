"""The notebooks, with Parquet in place of Delta."""

import runpy
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from receiver import Receiver

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_delta(spark: SparkSession, service: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IM_PROFILES_EXAMPLE_FORMAT", "parquet")
    monkeypatch.setenv("IM_PROFILES_EXAMPLE_TABLE", str(tmp_path / "table"))
    monkeypatch.setenv("IM_PROFILES_EXAMPLE_JOB", str(service.job()))
    runpy.run_path(str(EXAMPLES / "delta.py"), run_name="__main__")
    assert pq.read_table(tmp_path / "table").num_rows == 1_000
    # Writing is the only action that fetches all accounts.
    assert service.calls() <= 1_000 // 100 + 4 + 1


def test_many_apps(spark: SparkSession, service: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IM_PROFILES_EXAMPLE_JOBS", str(tmp_path / "jobs"))
    monkeypatch.setenv("IM_PROFILES_EXAMPLE_TABLE", str(tmp_path / "table"))
    (tmp_path / "jobs").mkdir()
    for app in ("game", "shop", "chat"):
        service.job(f"{app}.toml").rename(tmp_path / "jobs" / f"{app}.toml")
    runpy.run_path(str(EXAMPLES / "many_apps.py"), run_name="__main__")
    table = pq.read_table(tmp_path / "table")
    assert table.num_rows == 3_000
    assert set(table["app"].to_pylist()) == {"game", "shop", "chat"}
    assert service.calls() == 2 * 3 * 10
