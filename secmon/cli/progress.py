"""Show on a terminal how far the checks are; say nothing anywhere else."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

from secmon.core.texts import cut, escape

if TYPE_CHECKING:
    from typing import TextIO

INTERVAL_SECONDS = 0.1
_ERASE = "\r\x1b[K"


class Progress:
    """One line that is written over.

    Args:
        out: standard error.
        quiet: say nothing.
    """

    def __init__(self, out: TextIO, *, quiet: bool) -> None:
        self._out = out
        self._shown = not quiet and out.isatty() and os.environ.get("TERM") != "dumb"
        self._state: dict[str, str] = {}
        self._next = 0.0

    def update(self, check: str, done: int, total: int) -> None:
        """Take note of a check's progress.

        Args:
            check: name of the check.
            done: steps done.
            total: steps in all; 0 where nobody knows yet.
        """
        if not self._shown:
            return
        self._state[check] = f"{check} {done}/{total}" if total else check
        now = time.monotonic()
        if now >= self._next:
            self._next = now + INTERVAL_SECONDS
            width = shutil.get_terminal_size().columns - 1
            self._out.write(_ERASE + cut(escape(" · ".join(self._state.values())), width))
            self._out.flush()

    def close(self) -> None:
        """Take the line away."""
        if self._state:
            self._out.write(_ERASE)
            self._out.flush()
