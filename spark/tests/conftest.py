import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from receiver import SECRET, SECRET_VARIABLE, Receiver, receiver

# Executors run the Python that has the package.
os.environ["PYSPARK_PYTHON"] = sys.executable
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"

SETTINGS: dict[str, bool | float | int | str | None] = {
    f"spark.executorEnv.{SECRET_VARIABLE}": SECRET,
    "spark.driver.memory": "1g",
    "spark.sql.shuffle.partitions": "4",
    "spark.ui.enabled": "false",
}


class Cluster:
    """The session of the tests. A process has one at a time."""

    def __init__(self) -> None:
        self._master = ""
        self._session: SparkSession | None = None

    def session(self, master: str) -> SparkSession:
        """Returns the session with a master, or one without a cluster where none can start."""
        if self._session is None or self._master != master:
            self.stop()
            self._master = master
            try:
                self._session = _start(master)
            except Exception as error:
                print(f"{master} cannot start: {error}", file=sys.stderr)
                # There are no executors to give it to.
                os.environ[SECRET_VARIABLE] = SECRET
                self._session = _start("local[4]")
        return self._session

    def stop(self) -> None:
        if self._session is not None:
            self._session.stop()
            self._session = None


def _start(master: str) -> SparkSession:
    session = SparkSession.builder.master(master).config(map=SETTINGS).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    started = Cluster()
    yield started
    started.stop()


@pytest.fixture
def spark(cluster: Cluster) -> SparkSession:
    """A cluster of two executors with a core each: two tasks leave no core free."""
    return cluster.session("local-cluster[2,1,1024]")


@pytest.fixture
def roomy_spark(cluster: Cluster) -> SparkSession:
    """A cluster of two executors with two cores each."""
    return cluster.session("local-cluster[2,2,1024]")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Receiver]:
    """A service without faults."""
    with receiver(tmp_path) as started:
        yield started
