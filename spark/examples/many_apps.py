"""A notebook: profiles of many apps, each with its own job and limit."""

# %% One job per app. They have the same columns, and each names the secret of its app.
import os
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession

from im_profiles_spark import fetch_profiles_by_app, fetch_table, read_job, schema

JOBS = Path(os.environ.get("IM_PROFILES_EXAMPLE_JOBS", "jobs"))
TABLE = os.environ.get("IM_PROFILES_EXAMPLE_TABLE", "/lake/profiles_by_app")

spark = SparkSession.builder.getOrCreate()
jobs = {path.stem: read_job(path) for path in sorted(JOBS.glob("*.toml"))}

# %% One row per account, with its app.
names = ", ".join(f"'{app}'" for app in jobs)
accounts = spark.range(1_000).selectExpr("concat('u', id) AS account", f"explode(array({names})) AS app")

# %% Each app is fetched by one task, at its full rate. Different apps are fetched at the same time.
rows = fetch_profiles_by_app(accounts, jobs)
rows.write.partitionBy("app").mode("overwrite").parquet(TABLE)
spark.read.parquet(TABLE).groupBy("app", "outcome").count().show()


# %% The same with a function of your own, for example to add columns. A group is in memory as a whole.
def fetch(key: tuple[pa.Scalar, ...], table: pa.Table) -> pa.Table:
    return fetch_table(table, jobs[key[0].as_py()])


columns = schema(next(iter(jobs.values())))
accounts.repartition(20 * len(jobs), "app").groupBy("app").applyInArrow(fetch, columns).groupBy(
    "outcome"
).count().show()
