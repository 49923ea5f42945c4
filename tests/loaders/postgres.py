"""A PostgreSQL server of its own, on a Unix socket in a temporary directory."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def server() -> Iterator[None]:
    """Runs a server to which the `PG…` variables lead."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))[-1]
    # The server refuses to run as root; Debian's package adds this user.
    owner = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    with tempfile.TemporaryDirectory(prefix="postgres-") as directory:
        data, log = f"{directory}/data", f"{directory}/log"
        shutil.chown(directory, owner)

        def run(program: str, *arguments: str) -> None:
            # The output of a server that started would keep a pipe open.
            subprocess.run(
                [programs / program, f"--pgdata={data}", *arguments],
                user=owner if os.geteuid() == 0 else None,
                cwd=directory,
                stdout=subprocess.DEVNULL,
                check=True,
            )

        run("initdb", "--username=loader", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={directory} -c fsync=off"
        run("pg_ctl", f"--log={log}", "--wait", f"--options={options}", "start")
        try:
            os.environ.update(PGHOST=directory, PGUSER="loader", PGDATABASE="postgres")
            yield
        finally:
            run("pg_ctl", "--wait", "--mode=immediate", "stop")
