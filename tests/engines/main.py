"""Usage: main.py PROGRAM. Runs the examples of docs/engines.md with the built program; compares rows with an export."""

import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

from documents import blocks
from examples import EXAMPLES, check, check_rate_share
from rows import exported_rows, write_accounts
from service import KEY, service, write_job

HERE = Path(__file__).parent


def ensure_clean(directory: Path) -> None:
    """The Python of the document is formatted and without findings, as the code of the tests is."""
    directory.mkdir()
    for name, (language, text) in blocks().items():
        if language == "python":
            (directory / f"{name.removesuffix('.py').replace('-', '_')}.py").write_text(text)
    settings = ["--no-cache", "--quiet", "--config", str(HERE / "ruff.toml")]
    # The examples import stream_profiles, which a reader has beside them.
    isort = ["--config", 'lint.isort.known-third-party = ["stream_profiles"]']
    subprocess.run([sys.executable, "-m", "ruff", "check", *settings, *isort, str(directory)], check=True)
    subprocess.run([sys.executable, "-m", "ruff", "format", "--diff", *settings, str(directory)], check=True)


def main() -> None:
    program = Path(sys.argv[1]).resolve()
    # The interpreter's directory has the shell of DuckDB.
    os.environ["PATH"] = os.pathsep.join([str(program.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    os.environ[KEY] = secrets.token_hex(32)
    with tempfile.TemporaryDirectory(prefix="engines-") as name:
        root = Path(name)
        ensure_clean(root / "blocks")
        (root / "export").mkdir()
        with service(root / "export") as url, service(root / "blocks", failing=0.1) as failing_url:
            write_job(root / "export", url)
            write_accounts(root / "export" / "accounts.parquet")
            expected = exported_rows(root / "export")
            for example in EXAMPLES:
                check(example, root, url, failing_url, expected)
                print(f"passed  {example}", flush=True)
            check_rate_share(root, expected)
            print("passed  rate-share", flush=True)
            environment = os.environ | {"PYTHONPATH": "."}
            behavior = [sys.executable, "-B", str(HERE / "behavior.py")]
            subprocess.run(behavior, cwd=root / "pyarrow", env=environment, check=True)


main()
