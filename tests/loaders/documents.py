"""The code blocks of docs/warehouses/, which are run as they are written.

The line that opens a block names its language, its system and the variants that it loads, as in ```sql duckdb csv.
With `after=SYSTEM`, it continues the block of another system.
"""

import re
from pathlib import Path

DOCUMENTS = Path(__file__).parents[2] / "docs" / "warehouses"
_BLOCK = re.compile(r"^```(\w+) ([^\n`]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def _blocks() -> list[tuple[list[str], str]]:
    texts = [path.read_text() for path in sorted(DOCUMENTS.glob("*.md"))]
    return [(words.split(), code) for text in texts for _, words, code in _BLOCK.findall(text)]


def columns() -> str:
    """The `[[columns]]` tables of the job that all examples load."""
    (block,) = [code for words, code in _blocks() if words == ["columns"]]
    return block


def command(system: str, variant: str) -> str:
    """The code that loads a variant into `profiles`. There must be exactly one block."""
    ((words, code),) = [(words, code) for words, code in _blocks() if words[0] == system and variant in words[1:]]
    before = [command(word.removeprefix("after="), variant) for word in words if word.startswith("after=")]
    return "".join([*before, code])
