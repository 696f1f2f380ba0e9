"""Make values of what was typed; each error says what would be right."""

from __future__ import annotations

from argparse import ArgumentTypeError

MAX_RATE = 100_000
"""Packets per second and host; more would be an attack."""
MAX_DURATION_SECONDS = 86_400.0

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def level(text: str) -> int:
    """Return a level of an information system.

    Args:
        text: `1` to `5`.

    Returns:
        The level.

    Raises:
        ArgumentTypeError: it is none.
    """
    return _integer(text, 1, 5)


def rate(text: str) -> int:
    """Return packets per second and host.

    Args:
        text: a whole number from 1.

    Returns:
        The rate.

    Raises:
        ArgumentTypeError: it is none.
    """
    return _integer(text, 1, MAX_RATE)


def duration(text: str) -> float:
    """Return seconds.

    Args:
        text: a number of seconds, or with a unit: `30s`, `5m`, `1h`.

    Returns:
        Seconds.

    Raises:
        ArgumentTypeError: it is no duration, or out of bounds.
    """
    digits = text.rstrip("smhd")
    unit = text[len(digits) :]
    if not (digits.isascii() and digits.isdigit() and unit in _UNITS):
        raise ArgumentTypeError(f"{text!r} is not a duration; give seconds, or 30s, 5m, 1h")
    seconds = float(int(digits[:9]) * _UNITS[unit])
    if not 0 < seconds <= MAX_DURATION_SECONDS:
        raise ArgumentTypeError(f"{text!r} is out of bounds; give 1s to 1d")
    return seconds


def ports(text: str) -> str:
    """Return a choice of ports, unchanged.

    Args:
        text: `top`, `all`, or numbers and ranges such as `22,80,8000-8100`.

    Returns:
        The same text.

    Raises:
        ArgumentTypeError: it is none of them.
    """
    if text not in {"top", "all"}:
        for part in text.split(","):
            first, dash, last = part.partition("-")
            numbers = [_port(first, text), _port(last, text) if dash else 65535]
            if dash and numbers[0] > numbers[1]:
                raise ArgumentTypeError(f"the range {part} runs backwards; give {last}-{first}")
    return text


def _port(digits: str, text: str) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5 and 1 <= int(digits) <= 65535):
        raise ArgumentTypeError(
            f"{text!r} is not a list of ports; give top, all, or numbers 1-65535: 22,80,8000-8100"
        )
    return int(digits)


def _integer(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text[:9]) <= most):
        raise ArgumentTypeError(f"{text!r} is out of bounds; give a whole number, {least} to {most}")
    return int(text)
