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


def start_session(**settings: str) -> SparkSession:
    """Starts a session with two executors of one core each, the smallest cluster."""
    for master in ("local-cluster[2,1,1024]", "local[4]"):
        builder = SparkSession.builder.master(master).config(f"spark.executorEnv.{SECRET_VARIABLE}", SECRET)
        fixed = {"spark.ui.enabled": "false", "spark.driver.memory": "1g", "spark.sql.shuffle.partitions": "4"}
        for key, value in {**fixed, **settings}.items():
            builder = builder.config(key, value)
        try:
            session = builder.getOrCreate()
        except Exception as error:
            print(f"{master} cannot start: {error}", file=sys.stderr)
            os.environ[SECRET_VARIABLE] = SECRET
            continue
        session.sparkContext.setLogLevel("ERROR")
        return session
    pytest.fail("Spark cannot start")


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    session = start_session()
    yield session
    session.stop()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Receiver]:
    """A service without faults."""
    with receiver(tmp_path) as started:
        yield started
