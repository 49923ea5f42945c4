"""Tencent Cloud IM profiles as a Spark DataFrame.

Every task pipes its accounts through ``im-profiles stream``, which is installed with this package.

Example:
    >>> from im_profiles_spark import fetch_profiles
    >>> accounts = spark.read.table("accounts")  # doctest: +SKIP
    >>> rows = fetch_profiles(accounts, "nightly.toml", parallelism=4)  # doctest: +SKIP
    >>> rows.write.parquet("profiles/dt=2026-11-27")  # doctest: +SKIP
"""

from im_profiles_spark._errors import ProgramError
from im_profiles_spark._job import Job, read_job
from im_profiles_spark._program import package_version
from im_profiles_spark._spark import fetch_profiles, fetch_profiles_by_app, schema
from im_profiles_spark._table import fetch_table

__all__ = [
    "Job",
    "ProgramError",
    "__version__",
    "fetch_profiles",
    "fetch_profiles_by_app",
    "fetch_table",
    "read_job",
    "schema",
]

__version__ = package_version()
