"""The parts that need neither Spark nor the service."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

import im_profiles_spark
from im_profiles_spark import ProgramError, read_job
from im_profiles_spark._job import error_of, failure
from im_profiles_spark._program import checked_program, find_program, package_version
from im_profiles_spark._shares import rate_share


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("limit", [1, 2, 7, 10, 100, 199, 200, 10_000])
@pytest.mark.parametrize("partitions", [1, 2, 3, 4, 7, 8, 100])
def test_shares_add_up_to_the_limit(limit: int, partitions: int) -> None:
    if partitions > limit:
        with pytest.raises(ValueError, match=f"parallelism is {partitions}, more than the {limit} calls per second"):
            rate_share(0, partitions, limit)
        return
    shares = [rate_share(partition, partitions, limit) for partition in range(partitions)]
    calls = []
    for share in shares:
        assert share is not None
        numerator, denominator = map(int, share.split("/"))
        assert denominator == limit
        # What the program makes of it.
        calls.append(limit * numerator // denominator)
    assert sum(calls) == limit
    assert min(calls) >= 1
    assert max(calls) - min(calls) <= 1


def test_there_is_no_share_without_a_limit() -> None:
    assert rate_share(3, 4, 0) is None


def test_version_is_that_of_the_crate() -> None:
    manifest = (Path(__file__).parents[2] / "Cargo.toml").read_text()
    assert f'\nversion = "{package_version()}"\n' in manifest
    assert im_profiles_spark.__version__ == package_version()


def test_program_is_beside_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IM_PROFILES_BIN", raising=False)
    monkeypatch.setenv("PATH", "")
    assert Path(find_program()) == Path(sys.executable).parent / "im-profiles"
    assert checked_program(package_version()) == find_program()


def test_variable_overrides_the_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = script(tmp_path / "other", f"echo 'im-profiles {package_version()} (build test)'")
    monkeypatch.setenv("IM_PROFILES_BIN", other)
    assert checked_program(package_version()) == other
    monkeypatch.setenv("IM_PROFILES_BIN", str(tmp_path / "missing"))
    with pytest.raises(ProgramError, match=r"IM_PROFILES_BIN is .*missing, which is not a program"):
        find_program()


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("echo 'im-profiles 9.8.7 (build test)'", "is 9.8.7, but im-profiles-spark is"),
        ("echo 'im-profiles 9.8.7-rc.1 (build test)'", "is 9.8.7rc1, but im-profiles-spark is"),
        ("echo 'something else 1.0'", "is not im-profiles"),
        ("exit 3", "is not im-profiles"),
    ],
)
def test_other_program_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, output: str, message: str) -> None:
    monkeypatch.setenv("IM_PROFILES_BIN", script(tmp_path / "other", output))
    with pytest.raises(ProgramError, match=message):
        checked_program(package_version())


def test_other_version_of_the_driver_is_refused() -> None:
    with pytest.raises(ProgramError, match=r"im-profiles-spark is 9\.8\.7 on the driver and .* on this machine"):
        checked_program("9.8.7")


def test_last_error_line_is_the_reason() -> None:
    lines = ["error: first", "WARN a line of the log", "error: the key is wrong", "  more"]
    assert error_of(lines) == "the key is wrong"
    assert error_of(["WARN a line"]) is None
    assert str(failure(4, "the key is wrong")) == "im-profiles: the key is wrong (exit code 4)"
    assert str(failure(-9, None)) == "im-profiles ended with signal 9"
    assert failure(75, None).exit_code == 75


def test_job_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"cannot read the job file .*missing\.toml: No such file"):
        read_job(tmp_path / "missing.toml")


def test_everything_but_spark_works_without_spark(tmp_path: Path) -> None:
    """As after ``pip install --no-deps``, with pyarrow."""
    code = "import sys; sys.modules['pyspark'] = None; import im_profiles_spark; im_profiles_spark.fetch_table"
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0


def test_public_names_are_documented() -> None:
    for name in set(im_profiles_spark.__all__) - {"__version__"}:
        assert getattr(im_profiles_spark, name).__doc__, name


def test_package_has_the_program_its_types_and_its_license() -> None:
    distribution = importlib.metadata.distribution("im-profiles-spark")
    names = {str(file).removeprefix("../../../") for file in distribution.files or []}
    assert {"bin/im-profiles", "im_profiles_spark/__init__.py", "im_profiles_spark/py.typed"} <= names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    # Neither tests nor anything else of the repository.
    places = {name.partition("/")[0] for name in names}
    assert places == {"bin", "im_profiles_spark", f"im_profiles_spark-{package_version()}.dist-info"}
    metadata = distribution.metadata
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.10"
    assert sorted(distribution.requires or []) == ["pyarrow>=18", "pyspark[sql]>=4.0"]
    assert "fetch_profiles" in (distribution.read_text("METADATA") or "")


def test_speculation_is_refused(tmp_path: Path) -> None:
    """A session has one value for its whole life, so it needs a process of its own."""
    job = tmp_path / "job.toml"
    job.write_text('name = "x"\n[api]\nemulator = true\n[[columns]]\ntag = "Tag_Profile_IM_Nick"\n')
    code = f"""
from pyspark.sql import SparkSession
from im_profiles_spark import fetch_profiles, fetch_profiles_by_app
spark = SparkSession.builder.master("local[1]").config("spark.speculation", "TRUE").getOrCreate()
table = spark.createDataFrame([("u", "app")], "account string, app string")
job = {str(job)!r}
for fetch in (lambda: fetch_profiles(table, job), lambda: fetch_profiles_by_app(table, {{"app": job}})):
    try:
        fetch()
    except ValueError as error:
        print(error)
"""
    result = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    expected = "spark.speculation is on, so Spark may run copies of tasks"
    assert [line.startswith(expected) for line in result.stdout.splitlines()] == [True, True]
