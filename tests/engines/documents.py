"""The code blocks of docs/engines.md, which are run as they are written: ```python NAME or ```sh NAME."""

import re
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "engines.md"
_BLOCK = re.compile(r"^```(\w+) ([\w.-]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks() -> dict[str, tuple[str, str]]:
    """The language and the text of each block that has a name."""
    found = _BLOCK.findall(DOCUMENT.read_text())
    named = {name: (language, text) for language, name, text in found}
    assert len(named) == len(found), "two blocks have the same name"
    return named
