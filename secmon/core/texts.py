"""Make text from outside safe to show and short enough to keep; choose the language of a person."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Lang = Literal["vi", "en"]
LANGS: Final[tuple[Lang, ...]] = ("vi", "en")

TEXT_LIMIT: Final = 1024
"""Characters that a probe keeps of any text from outside."""

_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
"""Control, format (with bidirectional marks), private, surrogate, unassigned, line and paragraph ends."""


def cut(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return at most `limit` characters of a text, the last of them an ellipsis where it was longer."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def escape(text: str) -> str:
    r"""Return a text without characters that a terminal, a log or an eye could be fooled by.

    Each control, format, surrogate, private or unassigned character becomes `\xNN`, `\uNNNN` or `\UNNNNNNNN`;
    a backslash stays itself, since nothing decodes the result.

    Args:
        text: any text, also with lone surrogates.

    Returns:
        Printable text on one line.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape_character(character) for character in text)


def _escape_character(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN_CATEGORIES:
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def language(environment: Mapping[str, str]) -> Lang:
    """Choose the language of a person from the locale variables.

    Args:
        environment: `LC_ALL`, `LC_MESSAGES`, `LANG`; the first that is set decides (POSIX.1-2017, 8.2).

    Returns:
        `en` for an English locale, else `vi`.
    """
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    value = next((environment[name] for name in names if environment.get(name)), "")
    return "en" if value.lower().split(".")[0].split("_")[0] == "en" else "vi"
