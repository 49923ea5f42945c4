"""Memory of a long run. IM_PROFILES_TEST_ACCOUNTS=5000000 makes it long."""

import os
import threading
from pathlib import Path

from processes import executor_of, memory_kib, parent, streams
from pyspark.sql import SparkSession
from receiver import receiver

from im_profiles_spark import fetch_profiles

ACCOUNTS = int(os.environ.get("IM_PROFILES_TEST_ACCOUNTS", "400_000"))
# What an allocator may keep.
SLACK_KIB = 24 * 1024


def test_memory_does_not_grow_with_the_accounts(spark: SparkSession, tmp_path: Path) -> None:
    with receiver(tmp_path, "rate.portrait_get = 0", recorded=False) as service:
        job = service.job("memory.toml", columns=("nick", "level"), calls_per_second=0)
        rows = fetch_profiles(spark.range(ACCOUNTS), job, parallelism=2, column="id")
        counted: list[int] = []
        query = threading.Thread(target=lambda: counted.append(rows.where("outcome = 'exported'").count()))
        query.start()
        # By kind of process: the highest memory in each tenth of the run.
        highest: dict[str, list[int]] = {kind: [0] * 11 for kind in ("program", "worker", "executor")}
        while query.is_alive():
            tenth = min(service.calls() * 1_000 // ACCOUNTS, 10)
            for program in streams("memory.toml"):
                try:
                    processes = {"program": program, "worker": parent(program), "executor": executor_of(program)}
                except OSError:
                    continue
                for kind, process in processes.items():
                    highest[kind][tenth] = max(highest[kind][tenth], memory_kib(process))
            query.join(0.2)
    assert counted == [ACCOUNTS]
    for kind, tenths in highest.items():
        print(f"{kind}: {[kib // 1024 for kib in tenths]} MiB by tenth of the run")
    for kind in ("program", "worker"):
        middle, end = max(highest[kind][3:6]), max(highest[kind][6:10])
        assert 0 < end <= middle + SLACK_KIB, f"{kind}: {highest[kind]}"
