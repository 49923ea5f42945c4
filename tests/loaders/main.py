"""Usage: main.py PROGRAM. Loads snapshots of the built program with the commands of docs/warehouses/."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from snapshots import VARIANTS, export_all
from systems import SYSTEMS

SPARK = (
    "--master local[2] --driver-memory 1g --conf spark.ui.enabled=false --conf spark.ui.showConsoleProgress=false"
    " pyspark-shell"
)


def main() -> None:
    failed = 0
    environment = {**os.environ, "PYSPARK_SUBMIT_ARGS": SPARK, "SPARK_LOCAL_IP": "127.0.0.1"}
    with tempfile.TemporaryDirectory(prefix="loaders-") as directory:
        export_all(Path(sys.argv[1]).resolve(), Path(directory))
        for system in SYSTEMS:
            # With -B, the interpreter leaves no compiled files in the source tree.
            command = [sys.executable, "-B", str(Path(__file__).with_name("load.py")), system]
            result = subprocess.run(command, cwd=directory, env=environment, stdin=subprocess.DEVNULL)
            failed += result.returncode if 0 <= result.returncode <= len(VARIANTS) else len(VARIANTS)
    print(f"{len(SYSTEMS) * len(VARIANTS) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
