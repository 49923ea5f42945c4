"""A notebook: profiles of a table of accounts, written to a Delta table, one partition per day.

Delta itself is not tested: it needs the package delta-spark for the version of Spark. CI runs the notebook with
`IM_PROFILES_EXAMPLE_FORMAT=parquet`.
"""

# %% The session. Databricks and the like have one; elsewhere, start it with delta-spark.
import os

from pyspark.sql import SparkSession, functions

from im_profiles_spark import fetch_profiles

FORMAT = os.environ.get("IM_PROFILES_EXAMPLE_FORMAT", "delta")
TABLE = os.environ.get("IM_PROFILES_EXAMPLE_TABLE", "/lake/profiles")
JOB = os.environ.get("IM_PROFILES_EXAMPLE_JOB", "nightly.toml")
DATE = "2026-11-27"

spark = (
    SparkSession.builder.config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
    .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    .getOrCreate()
    if FORMAT == "delta"
    else SparkSession.builder.getOrCreate()
)

# %% The accounts: any DataFrame with one account per row.
accounts = spark.range(1_000).select(functions.concat(functions.lit("u"), "id").alias("account"))

# %% A few rows first. The accounts are limited, not the rows, so that only their calls are made.
fetch_profiles(accounts.limit(5), JOB, parallelism=1).show()

# %% All rows, written once. Whatever reads them next reads the table, and makes no calls.
rows = fetch_profiles(accounts, JOB, parallelism=4).withColumn("dt", functions.lit(DATE))
rows.write.format(FORMAT).partitionBy("dt").mode("overwrite").option("partitionOverwriteMode", "dynamic").save(TABLE)

# %% What became of the accounts, and those to look at.
written = spark.read.format(FORMAT).load(TABLE).where(functions.col("dt") == DATE)
written.groupBy("outcome").count().show()
written.where("outcome NOT IN ('exported', 'not_found')").select(
    "account", "outcome", "error_code", "error_info"
).show()
