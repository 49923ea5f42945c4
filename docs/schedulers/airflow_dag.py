"""Nightly export with Airflow 3, and a task that reads the summary of the run.

--json prints the summary as the last line of output, and BashOperator pushes that line as the XCom of the task. The date is that
of the DAG run, so that a retry after midnight resumes the same run. Airflow treats exit code 99 as "skip"; the program never
exits with it. The worker that retries must see the same output volume.
"""

import json
from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

# A bad job, or a refusal by the service: a retry cannot fix it.
NON_RETRYABLE = [2, 4]


class ExportOperator(BashOperator):
    """A BashOperator that fails immediately where the original would skip."""

    def execute(self, context):
        try:
            return super().execute(context)
        except AirflowSkipException as skipped:
            raise AirflowFailException(str(skipped)) from skipped


@dag(
    schedule="0 1 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,  # Concurrent runs would share the rate limit of the app.
)
def im_profiles_nightly():
    export = ExportOperator(
        task_id="export",
        bash_command=(
            "exec im-profiles export /etc/im-profiles/nightly.toml"
            " --set api.secret_key_file=/etc/im-profiles/im_secret_key"
            " --date {{ ds }} --json"
        ),
        output_processor=json.loads,
        skip_on_exit_code=NON_RETRYABLE,
        # Mainly for 75 and 3: a retry resumes the run.
        retries=4,
        retry_delay=timedelta(minutes=15),
        retry_exponential_backoff=True,
        max_retry_delay=timedelta(hours=2),
    )

    @task
    def load(summary: dict):
        """Loads the snapshot into the warehouse; this example only prints it."""
        counts = summary["counts"]
        print(f"{counts['rows']} rows for {counts['accounts_in_list']} accounts in {summary['snapshot']}")

    load(export.output)


im_profiles_nightly()
