"""The emulator, and the job of docs/engines.md for it."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from documents import blocks

KEY = "IM_SECRET_KEY"
_REGION = 'region = "singapore"\n'
_RATE = "calls_per_second = 100\n"

FAULTS = """
[population]
invalid_birthdays = 0.01

[population.custom_tags]
Tag_Profile_Custom_Coins = "number"
Tag_Profile_Custom_Points = "number"
Tag_Profile_Custom_Token = "text"

[faults]
unknown = { rate = 0.02 }
transient = { rate = 0.02 }
"""


@contextmanager
def service(directory: Path, failing: float = 0.002) -> Iterator[str]:
    """Starts an emulator in which a share of the accounts always fails."""
    faults = directory / "faults.toml"
    faults.write_text(f"{FAULTS}permanent = {{ rate = {failing} }}\n")
    command = ["im-profiles", "emulate", "--listen", "127.0.0.1:0", "--faults", str(faults), "--secret-key-env", KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def write_job(directory: Path, url: str, calls_per_second: int = 100) -> None:
    """Writes nightly.toml as the document has it, but for an emulator and with quick retries."""
    _, job = blocks()["job"]
    assert job.count(_REGION) == job.count(_RATE) == 1
    job = job.replace(_REGION, f'base_url = "{url}"\n').replace(_RATE, f"calls_per_second = {calls_per_second}\n")
    retry = '[retry]\nmax_attempts = 2\ninitial_backoff = "50ms"\n'
    (directory / "nightly.toml").write_text(f"{job}\n{retry}")


def peak_calls_per_second(url: str) -> int:
    with urllib.request.urlopen(f"{url}/__stats") as response:
        return json.load(response)["commands"]["portrait_get"]["peak_calls_per_second"]
