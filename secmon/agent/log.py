"""Write log lines: key=value on standard error, escaped, with the level that the journal understands."""

from __future__ import annotations

import contextlib
import os
from enum import IntEnum
from typing import TYPE_CHECKING

from secmon.core.texts import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Level(IntEnum):
    """Levels of syslog (RFC 5424 6.2.1), of which we use three."""

    ERROR = 3
    WARNING = 4
    INFO = 6


def format_line(level: Level, event: str, fields: Mapping[str, object]) -> str:
    """Return one line.

    Args:
        level: how bad it is.
        event: what happened, in few words.
        fields: the rest; a value of None is left out.

    Returns:
        `level=info event="plan loaded" check=ports`, without a line end.
    """
    pairs = {"level": level.name.lower(), "event": event, **fields}
    return " ".join(f"{key}={_quote(str(value))}" for key, value in pairs.items() if value is not None)


def _quote(value: str) -> str:
    shown = escape(value)
    if shown and not any(character in ' "=\\' for character in shown):
        return shown
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'


def make_log(journal: str) -> Callable[[Level, str, Mapping[str, object]], None]:
    """Return the function that logs.

    Args:
        journal: `$JOURNAL_STREAM`, `device:inode` of the journal's socket, "" elsewhere.

    Returns:
        It writes one line to standard error; a reader that has gone away is no reason to fail.
    """
    status = os.fstat(2)
    prefixed = journal == f"{status.st_dev}:{status.st_ino}"

    def log(level: Level, event: str, fields: Mapping[str, object]) -> None:
        prefix = f"<{level.value}>" if prefixed else ""
        with contextlib.suppress(OSError):
            os.write(2, f"{prefix}{format_line(level, event, fields)}\n".encode())

    return log
