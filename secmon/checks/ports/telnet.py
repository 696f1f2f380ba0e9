"""Read what a telnet server shows, and refuse what it wants to negotiate (RFC 854, RFC 855)."""

from __future__ import annotations

import re
from typing import Final

_IAC: Final = 0xFF
_REFUSALS: Final = {0xFD: 0xFC, 0xFB: 0xFE}  # DO -> WON'T, WILL -> DON'T
_BEGINNINGS: Final = frozenset({0xFA, 0xFB, 0xFD})  # SB, WILL, DO
_OPTIONS: Final = 40
"""Requests that are answered; a server that asks for more is no telnet server."""

_COMMAND: Final = re.compile(
    rb"\xff(?:\xfa[^\xff]*(?:\xff\xff[^\xff]*)*(?:\xff\xf0|\xff?\Z)|[\xfb-\xfe].?|[^\xff])?", re.DOTALL
)


def is_negotiation(data: bytes) -> bool:
    """Tell whether a server begins to negotiate: it offers (WILL) or asks (DO), or goes into details."""
    return len(data) > 1 and data[0] == _IAC and data[1] in _BEGINNINGS


def refuse(data: bytes) -> bytes:
    """Return the answers to what a server asks: every option is refused, as RFC 854 allows.

    Args:
        data: what it sent.

    Returns:
        Three bytes for each request, none where it asks nothing.
    """
    requests = [
        found[0] for found in _COMMAND.finditer(data) if len(found[0]) == 3 and found[0][1] in _REFUSALS
    ]
    return b"".join(bytes((_IAC, _REFUSALS[request[1]], request[2])) for request in requests[:_OPTIONS])


def visible(data: bytes) -> bytes:
    """Return what a person would see: the data without commands."""
    return _COMMAND.sub(b"", data)
