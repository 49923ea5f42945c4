"""The emulator of the service behind a proxy that records when calls arrive."""

import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from im_profiles_spark._program import find_program

SECRET_VARIABLE = "IM_SECRET_KEY"
SECRET = secrets.token_hex(32)

COLUMNS = {
    "nick": ("Tag_Profile_IM_Nick", "string"),
    "birth_day": ("Tag_Profile_IM_BirthDay", "date"),
    "level": ("Tag_Profile_IM_Level", "uint32"),
    "role": ("Tag_Profile_IM_Role", "int64"),
    "points": ("Tag_Profile_Custom_Points", "uint64"),
    "token": ("Tag_Profile_Custom_Token", "bytes"),
}


@dataclass
class Receiver:
    """A service that counts its calls."""

    url: str
    emulator_url: str
    directory: Path
    # Of each call, in seconds of a monotonic clock.
    arrivals: list[float] = field(default_factory=list)

    def job(
        self, name: str = "job.toml", *, columns: tuple[str, ...] = tuple(COLUMNS), secret: str = "", **api: int
    ) -> Path:
        """Writes a job for this service, whose key is in the environment variable or in a file."""
        keys = {"sdkappid": 1400000000, **api}
        if secret:
            key = self.directory / f"{name}.key"
            key.touch(mode=0o600)
            key.write_text(secret)
            source = f'secret_key_file = "{key}"'
        else:
            source = f'secret_key_env = "{SECRET_VARIABLE}"'
        tables = (
            f'[[columns]]\ntag = "{COLUMNS[column][0]}"\nname = "{column}"\ntype = "{COLUMNS[column][1]}"\n'
            for column in columns
        )
        path = self.directory / name
        path.write_text(
            f'name = "spark"\n[api]\nbase_url = "{self.url}"\n{source}\n'
            + "".join(f"{key} = {value}\n" for key, value in keys.items())
            + "".join(tables)
            # Enough attempts that chance decides no outcome.
            + '[retry]\nmax_attempts = 10\ninitial_backoff = "50ms"\nmax_backoff = "200ms"\n'
            + '[limits]\nmax_failed = "off"\n'
        )
        return path

    def stats(self) -> dict[str, Any]:
        """Returns what the emulator counted."""
        with urllib.request.urlopen(f"{self.emulator_url}/__stats") as response:
            counted: dict[str, Any] = json.load(response)
        return counted

    def calls(self) -> int:
        """Returns the number of calls of any kind that arrived."""
        return sum(command["calls"] for command in self.stats()["commands"].values())

    def has_kept(self, calls_per_second: int) -> bool:
        """Returns whether the calls were within a limit.

        A call arrives later than it leaves, by a time that varies by tens of milliseconds on a busy machine, so the
        calls of more than a second may arrive within one. A shorter window shows bursts, a longer one a rate that is
        too high.
        """
        is_burst = self.most_calls_within(0.75) > calls_per_second
        return not is_burst and self.most_calls_within(3) <= 3 * calls_per_second * 1.05

    def most_calls_within(self, seconds: float) -> int:
        """Returns the number of calls in the fullest window of a length."""
        first, most = 0, 0
        for last, arrival in enumerate(self.arrivals):
            while self.arrivals[first] <= arrival - seconds:
                first += 1
            most = max(most, last - first + 1)
        return most


@contextmanager
def receiver(directory: Path, settings: str = "", *, recorded: bool = True) -> Iterator[Receiver]:
    """Starts an emulator with settings, and the proxy if its calls are recorded."""
    faults = directory / "faults.toml"
    custom = ", ".join(
        f'{tag} = "{"number" if kind == "uint64" else "bytes"}"' for tag, kind in COLUMNS.values() if "Custom" in tag
    )
    faults.write_text(f"population.custom_tags = {{ {custom} }}\n{settings}\n")
    command = [find_program(), "emulate", "--listen", "127.0.0.1:0", "--faults", str(faults)]
    environment = {**os.environ, SECRET_VARIABLE: SECRET}
    with subprocess.Popen(
        [*command, "--secret-key-env", SECRET_VARIABLE], env=environment, stdout=subprocess.PIPE, text=True
    ) as emulator:
        assert emulator.stdout is not None
        try:
            url = emulator.stdout.readline().strip()
            started = Receiver(url, url, directory)
            with _proxy(started) if recorded else contextlib.nullcontext():
                yield started
        finally:
            emulator.terminate()


@contextmanager
def _proxy(target: Receiver) -> Iterator[None]:
    """Passes connections on to the emulator, and records when a request starts."""
    loop = asyncio.new_event_loop()
    port = int(target.emulator_url.rpartition(":")[2])

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_request: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                if is_request and data.startswith(b"POST "):
                    target.arrivals.append(time.monotonic())
                writer.write(data)
                await writer.drain()
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
        request = copy(reader, upstream_writer, is_request=True)
        await asyncio.gather(request, copy(upstream_reader, writer, is_request=False))

    async def end() -> None:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    server = loop.run_until_complete(asyncio.start_server(connect, "127.0.0.1", 0))
    target.url = "http://{}:{}".format(*server.sockets[0].getsockname())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.close()
