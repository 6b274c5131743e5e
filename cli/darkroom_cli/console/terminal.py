"""The console that tables are printed on, and how cells are written, for all commands alike.

On a terminal, tables are as wide as it and coloured, unless NO_COLOR is set (https://no-color.org). In a file or pipe they have
no colours, and each row is one line. Texts in the ledger come from uploaders and providers and may be harmful, so every cell
is escaped, and rich reads no markup in it.
"""

from __future__ import annotations

import io
import re
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import TextIO, cast

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from darkroom_cli.console.errors import visible

WIDE = 4000  # the width of output to a file or pipe, so that each row stays on one line and grep finds it
PADDING = re.compile(" +$", re.MULTILINE)


def console() -> Console:
    """Return a console that writes to standard output. Output to a file or pipe is not broken into several lines."""
    made = Console(highlight=False)
    return (
        made if made.is_terminal else Console(highlight=False, width=WIDE, file=cast("TextIO", _Unpadded(sys.stdout)))
    )


class _Unpadded(io.TextIOBase):
    """Writes lines without the blanks at their ends, with which a table fills its last column. rich writes whole lines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream. rich draws with plain characters where it has no others."""
        return self._stream.encoding

    def write(self, text: str) -> int:
        """Write the text, which must end at the end of a line."""
        return self._stream.write(PADDING.sub("", text))

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()


def cell(text: object, style: str = "") -> Text:
    """Return the text as a cell that shows it and obeys nothing in it. None is an empty cell."""
    return Text("" if text is None else visible(text), style)


def tail(text: object, width: int) -> str:
    """Return the text, escaped, in at most `width` columns. If it is too long, its end is kept, because the name of a file is at
    the end of a key."""
    shown = visible(text)
    if cell_len(shown) <= width:
        return shown
    while shown and cell_len(shown) > width - 1:
        shown = shown[1:]
    return f"…{shown}"


def moment(value: datetime) -> str:
    """Return a time for people, in UTC, as `2026-11-21 14:00:00`."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def counted(credits: Decimal) -> str:
    """Return credits for people, as `1 credit` or `2.5 credits`."""
    return f"{amount(credits)} credit{'' if credits == 1 else 's'}"


def amount(value: Decimal | None) -> str:
    """Return a number for people, without exponent and trailing zeros. None is empty."""
    return "" if value is None else f"{value.normalize():f}"
