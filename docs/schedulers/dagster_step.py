"""Runs the command given as arguments, im-profiles with --json, and reports its summary through Dagster Pipes.

It always exits with 0 and reports the exit code of the command instead: the asset decides what to do.
"""

import json
import signal
import subprocess
import sys

from dagster_pipes import open_dagster_pipes


def main():
    with open_dagster_pipes() as pipes:
        child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda received, _: child.send_signal(received))
        output, _ = child.communicate()
        # A job that cannot be read has no summary; the error is in the log.
        summary = json.loads(output) if output else {}
        error = summary.get("error", f"im-profiles exited with {child.returncode}, see its log")
        pipes.report_custom_message({"exit_code": child.returncode, "error": error})
        if child.returncode == 0:
            pipes.report_asset_materialization(
                metadata={
                    "snapshot": {"raw_value": summary["snapshot"], "type": "path"},
                    **summary["counts"],
                    "bytes": summary["bytes"],
                    "calls": {"raw_value": summary["calls"], "type": "json"},
                    "failures": {"raw_value": summary["failures"], "type": "json"},
                }
            )


main()
