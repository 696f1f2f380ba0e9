"""Read the kernel's tables of interfaces and routes, and hold a capture against the interface counters."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

SLACK_FRAMES: Final = 64
"""Frames that may pass between reading the counters and starting or stopping the capture."""

LEAST_SHARE: Final = 0.5
"""Share of the counted frames, or else bytes, that a seeing sensor has at least. They never agree exactly:
receive offload hands up several segments as one frame (fewer frames, one header's bytes instead of many),
and drivers differ in how they count transmit offload and frame check sequences. A blind sensor sees nothing.
"""

_DEV_FIELDS: Final = 10
_GATEWAY_FLAG: Final = 0x2


@dataclass(frozen=True, slots=True)
class Counters:
    """What an interface has counted since it came into being.

    Attributes:
        frames: received and sent.
        bytes: received and sent.
        received: frames received.
        received_bytes: bytes received.
    """

    frames: int
    bytes: int
    received: int
    received_bytes: int


@dataclass(frozen=True, slots=True)
class Routes:
    """The default routes for IPv4.

    Attributes:
        interface: that of the default route with the lowest metric, "" where there is none.
        gateways: addresses of the gateways of all routes.
    """

    interface: str
    gateways: frozenset[bytes]


def parse_counters(text: str) -> dict[str, Counters]:
    """Return the counters of each interface from /proc/net/dev (proc(5))."""
    found = {}
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        fields = rest.split()
        if colon and len(fields) >= _DEV_FIELDS and all(field.isdecimal() for field in fields):
            received_bytes, received, sent_bytes, sent = (int(fields[at]) for at in (0, 1, 8, 9))
            found[name.strip()] = Counters(
                received + sent, received_bytes + sent_bytes, received, received_bytes
            )
    return found


def parse_routes(text: str) -> Routes:
    """Return the default routes from /proc/net/route."""
    defaults: list[tuple[int, str]] = []
    gateways = set()
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8:
            continue
        interface, destination, gateway, flags, _, _, metric, mask = fields[:8]
        if int(flags, 16) & _GATEWAY_FLAG:
            gateways.add(struct.pack("=I", int(gateway, 16)))  # the kernel prints it as one native number
        if int(destination, 16) == 0 and int(mask, 16) == 0:
            defaults.append((int(metric), interface))
    return Routes(min(defaults)[1] if defaults else "", frozenset(gateways))


def is_blind(before: Counters, after: Counters, frames: int, size: int, *, loopback: bool) -> bool:
    """Say whether a capture saw far less than its interface counted.

    Args:
        before: counters when it began.
        after: counters when it ended.
        frames: what it saw, and what it knows that it lost.
        size: bytes of what it saw.
        loopback: each frame passes sent and received, and the capture takes one of the two.

    Returns:
        True where neither the frames nor the bytes come near what was counted.
    """
    counted = after.received - before.received if loopback else after.frames - before.frames
    counted_bytes = after.received_bytes - before.received_bytes if loopback else after.bytes - before.bytes
    missing = counted - frames
    return missing > SLACK_FRAMES and frames < LEAST_SHARE * counted and size < LEAST_SHARE * counted_bytes
