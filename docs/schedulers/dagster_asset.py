"""Nightly export as a Dagster asset with daily partitions, using Dagster Pipes.

The date is that of the partition, so that a retry after midnight resumes the same run. dagster_step.py beside this file runs
the program and reports its summary. The process that retries must see the same output volume.
"""

import sys

import dagster as dg

# A bad job, or a refusal by the service: a retry cannot fix it.
NON_RETRYABLE = (2, 4)

COMMAND = [
    "im-profiles", "export", "/etc/im-profiles/nightly.toml",
    "--set", "api.secret_key_file=/etc/im-profiles/im_secret_key", "--json",
]  # fmt: skip

nights = dg.DailyPartitionsDefinition(start_date="2026-01-01", end_offset=1)


@dg.asset(partitions_def=nights)
def im_profiles(context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient):
    """One row per account, one column per profile tag."""
    step = dg.file_relative_path(__file__, "dagster_step.py")
    command = [sys.executable, step, *COMMAND, "--date", context.partition_key]
    run = pipes.run(context=context, command=command)
    result = run.get_custom_messages()[-1]
    if result["exit_code"] in NON_RETRYABLE:
        raise dg.Failure(result["error"], allow_retries=False)
    if result["exit_code"] != 0:
        raise dg.RetryRequested(max_retries=4, seconds_to_wait=15 * 60)
    return run.get_materialize_result()


nightly = dg.build_schedule_from_partitioned_job(
    dg.define_asset_job("im_profiles_nightly", selection=[im_profiles]), hour_of_day=1
)

defs = dg.Definitions(
    assets=[im_profiles],
    schedules=[nightly],
    # Longer than a call may take (api.timeout, 10 s), so that a cancelled run exits by itself.
    resources={"pipes": dg.PipesSubprocessClient(termination_timeout_seconds=60)},
)
