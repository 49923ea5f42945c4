"""The rows that every loader must read: stated here, never read back from the program."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple, TypeVar

T = TypeVar("T")

TAGS = {
    "nick": "Tag_Profile_IM_Nick",
    "member_no": "Tag_Profile_Custom_Member",
    "birth_day": "Tag_Profile_IM_BirthDay",
    "level": "Tag_Profile_IM_Level",
    "balance": "Tag_Profile_Custom_Balance",
    "coins": "Tag_Profile_Custom_Coins",
    "points": "Tag_Profile_Custom_Points",
    "token": "Tag_Profile_Custom_Token",
}


class Row(NamedTuple):
    """A row as Python values."""

    account: str
    nick: str | None
    member_no: str | None
    birth_day: date | None
    level: int | None
    balance: int | None
    coins: int | None
    points: int | None
    token: bytes | None
    dt: date


TEXTS = (
    None, "", " ", "NULL", "null", "None", "NA", "nan", "\\N", "\\.", "\\", "\\\\", "true", "-", "#comment", "=1+1",
    "2026-11-25", "a,b", ",", '"', '""', 'say "hi", she said', "'single'", "'", "a;b|c", "two\nlines", "two\r\nlines",
    "old\rMac", "\n", "\n\n", "first\n\\.\nlast", "a\tb", "\t", "C:\\new\\table", 'ends with \\"', " leading",
    "trailing ", "\u00a0no-break\u00a0", "李雷", "😀👩\u200d👩\u200d👧", "e\u0301", "\ufeffbyte order mark",
    "\u2028\x85\x0b\x0c", "\x01\x1b[31m\x7f", '{"json": [1]}', "long " * 100, "nul\0inside",
)  # fmt: skip
NUMBER_TEXTS = ("007", "7", "0", "1e3", "-0", "00", "+1", "0x1F", "1.50", None)
DAYS = (
    date(1990, 1, 31), date(1969, 12, 31), date(2024, 2, 29), date(1900, 1, 1), date(2299, 12, 31), None,
)  # fmt: skip
LEVELS = (0, 1, 7, 2**31, 2**32 - 1, None)
INT64 = (0, -1, 42, -(2**63), 2**63 - 1, -(2**53) - 1, None)
UINT32 = (0, 7, 2**31, 2**32 - 1, None)
UINT64 = (0, 7, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, None)
ACCOUNTS = (
    "007", "7", "NULL", "null", "nan", "\\N", "\\.", "true", "1e3", "a,b", '"', "'", "李雷", "a b", "#x", "-",
    *(f"user-{number}" for number in range(125)),
)  # fmt: skip

# Its value does not fit: the cell is NULL and _rejected_values.tsv has a line.
REJECTED = "user-100"
# An account that the service does not know: _failed_accounts.tsv has a line.
UNKNOWN = "unknown"
# The accounts differ by date, so that a row with the date of another partition is found.
ACCOUNTS_OF_DATE = {"2026-11-25": range(0, 120), "2026-11-26": range(5, len(ACCOUNTS))}


def _row(index: int, day: str) -> Row:
    def pick(values: Sequence[T], step: int = 1) -> T:
        return values[index * step % len(values)]

    token = pick(TEXTS, 5)
    row = Row(
        ACCOUNTS[index], pick(TEXTS), pick(NUMBER_TEXTS), pick(DAYS), pick(LEVELS), pick(INT64), pick(UINT32),
        pick(UINT64), None if token is None else token.encode(), date.fromisoformat(day),
    )  # fmt: skip
    return row._replace(coins=None) if row.account == REJECTED else row


def expected_rows() -> list[Row]:
    """The rows of all partitions, sorted."""
    return sorted(_row(index, day) for day, indexes in ACCOUNTS_OF_DATE.items() for index in indexes)


def profile(row: Row) -> dict[str, str | int]:
    """The profile in the service that must become this row."""
    tags: dict[str, str | int] = {"account": row.account}
    for name, tag in TAGS.items():
        match getattr(row, name):
            case None:
                continue
            case date() as day:
                tags[tag] = int(day.strftime("%Y%m%d"))
            case bytes() as raw:
                tags[tag] = raw.decode()
            case int() as number:
                # The service has no negative numbers; such a value is a text of a custom field.
                tags[tag] = str(number) if name == "balance" else number
            case text:
                tags[tag] = text
    if row.account == REJECTED:
        tags[TAGS["coins"]] = 2**32
    return tags
