"""Find what makes a regular expression slow on hostile text, before it meets any.

Python's engine tries every way in which a pattern can match. One repetition inside another has exponentially
many. The grammar here is narrow on purpose: what it does not allow is not needed to know a banner.
"""

from __future__ import annotations

import re
from typing import Final

REPETITIONS: Final = 5
"""Repetitions without end in one pattern; each can multiply the time by the length of the text."""

_TOKEN: Final = re.compile(
    r"""
    (?P<escape>\\.)
  | (?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])
  | (?P<open>\((?:\?(?:P<\w+>|:|i\)|[^)]))?)
  | (?P<close>\))
  | (?P<repeat>(?:[*+]|\{\d*,\})[?+]?)
  | (?P<bounded>(?:\?|\{\d+(?:,\d+)?\})[?+]?)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_OPENINGS: Final = re.compile(r"\((?:\?(?:P<\w+>|:))?\Z")


def dangers(pattern: str) -> list[str]:
    """Say what could make a pattern take long.

    Args:
        pattern: a regular expression that Python can compile.

    Returns:
        One sentence for each kind of danger, none where it takes at most polynomial time.
    """
    found: dict[str, None] = {}
    groups: list[bool] = []  # of each open group, whether it holds a repetition without end
    closed = False  # the last token ended a group that holds one
    repetitions = 0
    for token in _TOKEN.finditer(pattern):
        kind, text = token.lastgroup, token[0]
        if kind == "open" and text != "(?i)":
            if not _OPENINGS.match(text):
                found[f"{text} is not allowed in a pattern"] = None
            groups.append(False)
        elif kind == "repeat":
            repetitions += 1
            if closed:
                found["one repetition stands inside another"] = None
            groups = [True] * len(groups)
        elif kind == "bounded" and closed and text[0] == "{":
            found["one repetition stands inside another"] = None
        elif kind == "escape" and text[1].isdigit():
            found[f"{text} refers back to a group"] = None
        closed = kind == "close" and bool(groups) and groups.pop()
    if repetitions > REPETITIONS:
        found[f"the pattern has {repetitions} repetitions without end, more than {REPETITIONS}"] = None
    return list(found)
