"""Render a report as one JSON document: the same report gives the same bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from secmon.core.texts import escape

if TYPE_CHECKING:
    from typing import TextIO

    from secmon.core.model import Json


def render(report: Json, out: TextIO) -> None:
    r"""Write a report as JSON, keys sorted, with one line end at the end.

    Letters stay readable; characters that a terminal or an eye could be fooled by (`core.texts.escape`)
    are written as `\uNNNN`, which means the same in JSON. So are lone surrogates: the text is valid UTF-8.

    Args:
        report: a `secmon.report/1`.
        out: a text file.
    """
    text = json.dumps(report, ensure_ascii=False, allow_nan=False, indent=2, sort_keys=True)
    out.write(text.translate(_Escapes()))
    out.write("\n")


class _Escapes(dict[int, str]):
    """Code point -> what stands for it; filled as characters turn up."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        plain = character == "\n" or escape(character) == character
        self[code] = character if plain else _escape(code)
        return self[code]


def _escape(code: int) -> str:
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"  # RFC 8259, 7: a surrogate pair
