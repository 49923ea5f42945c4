"""Nightly export by Airflow 3, and a task that reads what it tells.

--json prints the run's summary as the last line of all, and BashOperator hands that line on as the XCom of the task. The date
is that of the DAG run, so that a retry after midnight goes on with the same run. Airflow reads exit code 99 as "skip"; the
program never ends with it. The worker that retries must see the same output volume.
"""

import json
from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

# A bad job, or a refusal by the service: running again cannot mend it.
NOT_TO_BE_RETRIED = [2, 4]


class ExportOperator(BashOperator):
    """A BashOperator that fails at once where others would skip."""

    def execute(self, context):
        try:
            return super().execute(context)
        except AirflowSkipException as stopped:
            raise AirflowFailException(str(stopped)) from stopped


@dag(
    schedule="0 1 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,  # Two at once would share the app's calls a second.
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
        skip_on_exit_code=NOT_TO_BE_RETRIED,
        # 75 and 3, above all: the retry resumes.
        retries=4,
        retry_delay=timedelta(minutes=15),
        retry_exponential_backoff=True,
        max_retry_delay=timedelta(hours=2),
    )

    @task
    def load(summary: dict):
        """Hands the snapshot to the warehouse; here it only tells of it."""
        counts = summary["counts"]
        print(f"{counts['rows']} rows of {counts['accounts_in_list']} accounts are in {summary['snapshot']}")

    load(export.output)


im_profiles_nightly()
