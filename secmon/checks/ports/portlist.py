"""Read the text of `--ports`: `top`, `all`, or a list with ranges."""

from __future__ import annotations

from typing import Final

from secmon.checks.ports.top import TOP
from secmon.core.texts import cut, escape

_FIRST: Final = 1
_LAST: Final = 65535


def parse(text: str) -> tuple[int, ...]:
    """Return the ports that a text names, without doubles, in the order in which it names them.

    Args:
        text: `top` (about 1,000 ports of our own choosing), `all`, or a list such as `22,80,8000-8100`.

    Returns:
        Ports from 1 to 65535, at least one.

    Raises:
        ValueError: an item is no port and no range; the message names it.
    """
    word = text.strip()
    if word == "top":
        return parse(TOP)
    if word == "all":
        return tuple(range(_FIRST, _LAST + 1))
    ports: dict[int, None] = {}
    for item in word.split(","):
        ports.update(dict.fromkeys(_item(item.strip())))
    return tuple(ports)


def _item(item: str) -> range:
    """Return the ports of one item: `22` or `8000-8100`."""
    first, dash, last = (part.strip() for part in item.partition("-"))
    if not (_is_port(first) and (_is_port(last) if dash else True)):
        shown = escape(cut(item, 40))
        raise ValueError(
            f"{shown!r} is no port and no range of ports; write top, all, or a list such as 22,80,8000-8100 "
            f"of numbers from {_FIRST} to {_LAST}"
        )
    low, high = int(first), int(last or first)
    if low > high:
        raise ValueError(f"{item!r} is a range that runs backwards; write {high}-{low}")
    return range(low, high + 1)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and _FIRST <= int(text) <= _LAST
