"""Write wrapped, indented lines of text on a terminal or into a pipe, without trailing blanks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from typing import TextIO

PIPE_WIDTH: Final = 80
MAX_WIDTH: Final = 120
"""Columns beyond which lines of text are hard to read."""

_BULLET: Final = "• "


class _Console(Console):
    """A console that leaves it to the caller what a reader who left means; rich would exit with 1."""

    def on_broken_pipe(self) -> None:
        """Raise what happened."""
        raise BrokenPipeError


class Lines:
    """A page as it is written, top to bottom.

    Args:
        out: a text file; colour and its own width where it is a terminal, else 80 columns without colour.
    """

    def __init__(self, out: TextIO) -> None:
        terminal = out.isatty()
        self._console = _Console(
            file=out,
            highlight=False,
            markup=False,
            emoji=False,
            width=None if terminal else PIPE_WIDTH,
            no_color=None if terminal else True,
            force_terminal=terminal,
        )
        self._width = min(self._console.width, MAX_WIDTH)

    def blank(self) -> None:
        """Write an empty line."""
        self._console.print()

    def rule(self) -> None:
        """Write a line across the page."""
        self._emit(Text("─" * self._width, "bold"))

    def line(self, *parts: str | tuple[str, str], indent: int = 0) -> None:
        """Write one paragraph.

        Args:
            *parts: texts, or texts with a style; already escaped.
            indent: columns before each line.
        """
        self._paragraph(Text.assemble(*parts), " " * indent, " " * indent)

    def item(self, *parts: str | tuple[str, str], indent: int = 0) -> None:
        """Write one paragraph after a bullet, further lines under its text.

        Args:
            *parts: texts, or texts with a style; already escaped.
            indent: columns before the bullet.
        """
        self._paragraph(Text.assemble(*parts), " " * indent + _BULLET, " " * (indent + len(_BULLET)))

    def _paragraph(self, text: Text, first: str, further: str) -> None:
        wrapped = text.wrap(self._console, self._width - len(first), overflow="fold")
        for number, line in enumerate(wrapped):
            line.rstrip()
            self._emit(Text.assemble(further if number else first, line))

    def _emit(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)
