"""Finds the program and checks its version."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sysconfig
from functools import cache
from pathlib import Path

from im_profiles_spark._errors import ProgramError

NAME = "im-profiles"
VARIABLE = "IM_PROFILES_BIN"
_DISTRIBUTION = "im-profiles-spark"


def package_version() -> str:
    """Returns the version of this package, which is that of the program in it."""
    return importlib.metadata.version(_DISTRIBUTION)


def find_program() -> str:
    """Returns the path of the program: ``IM_PROFILES_BIN``, else the one of this package, else the one on PATH."""
    override = os.environ.get(VARIABLE)
    if override:
        if shutil.which(override) is None:
            raise ProgramError(f"{VARIABLE} is {override}, which is not a program; correct or unset the variable")
        return override
    directories = [
        sysconfig.get_path("scripts"),
        sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")),
        # Of pip install --target.
        str(Path(__file__).parents[1] / "bin"),
    ]
    found = next(filter(None, (shutil.which(NAME, path=directory) for directory in directories)), shutil.which(NAME))
    if found is None:
        raise ProgramError(
            f"{NAME} is not installed on this machine; install {_DISTRIBUTION} for the Python that Spark runs, "
            f"or set {VARIABLE} to the path of the program"
        )
    return found


def checked_program(version: str) -> str:
    """Returns the path of the program if it has the given version."""
    if package_version() != version:
        raise ProgramError(
            f"{_DISTRIBUTION} is {version} on the driver and {package_version()} on this machine; "
            "install the same version on both"
        )
    program = find_program()
    found = _version_of(program, Path(program).stat().st_mtime_ns)
    if found != version:
        raise ProgramError(
            f"{program} is {found}, but {_DISTRIBUTION} is {version}; "
            f"install both in one version, or correct {VARIABLE} if it is set"
        )
    return program


@cache
def _version_of(program: str, modified: int) -> str:
    """Returns the version that the program prints, written as Python writes it, such as 1.0.0rc1 for 1.0.0-rc.1."""
    del modified  # Only part of the key of the cache.
    try:
        result = subprocess.run(
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
        )
    except OSError as error:
        raise ProgramError(f"{program} cannot be started: {error.strerror}") from None
    found = re.match(rf"{NAME} (\d\S*)", result.stdout)
    if result.returncode != 0 or found is None:
        raise ProgramError(f"{program} is not {NAME}: --version prints another text", result.returncode)
    return re.sub(r"-(a|b|rc)(?:lpha|eta)?\.?(\d+)", r"\1\2", found[1])
