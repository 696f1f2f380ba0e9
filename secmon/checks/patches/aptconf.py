"""Read apt's configuration far enough to tell what single options are set to (apt.conf(5)).

Understood are `A::B "value";`, nested blocks, lists (their members are passed over) and all three kinds of
comment. `#include` and `#clear` are taken for comments: no option that is asked for here is ever set by them.
"""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(
    r"""(?P<comment>//[^\n]*|/\*(?:.*?\*/|.*)|\#[^\n]*)"""
    r"""|"(?P<quoted>[^"]*)"|(?P<mark>[{};])|(?P<word>(?:(?!//|/\*)[^\s{};"])+)""",
    re.DOTALL,
)
_DEPTH_LIMIT: Final = 64
_FALSE: Final = frozenset({"", "0", "no", "false", "off", "without", "disable"})


def parse_options(data: bytes) -> dict[str, str]:
    """Read one file.

    Args:
        data: its bytes.

    Returns:
        Lower-case path of each option that has a value, `apt::periodic::enable` -> value.

    Raises:
        ValueError: blocks are nested past 64.
    """
    options: dict[str, str] = {}
    blocks: list[str] = []
    words: list[str] = []
    for token in _TOKEN.finditer(data.decode("utf-8", "replace")):
        if token["comment"] is not None:
            continue
        if token["mark"] is None:
            words.append(token["quoted"] if token["word"] is None else token["word"])
            continue
        if len(words) >= 2 and words[0]:
            options["::".join([*blocks, words[0].lower()])] = words[1]
        if token["mark"] == "{":
            if len(blocks) >= _DEPTH_LIMIT:
                raise ValueError(f"its blocks are nested past {_DEPTH_LIMIT}")
            blocks.append(words[0].lower() if words else "")
        elif token["mark"] == "}" and blocks:
            blocks.pop()
        words = []
    return options


def is_on(options: dict[str, str], name: str, *, default: bool) -> bool:
    """Say whether an option is on: for APT::Periodic any interval but 0 is.

    Args:
        options: as `parse_options` gives them, of all files in apt's order.
        name: its path, lower case.
        default: what holds where it is not set.
    """
    value = options.get(name)
    return default if value is None else value.strip().lower() not in _FALSE
