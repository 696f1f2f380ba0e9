"""Write ICMP echo requests and read the replies (RFC 792, RFC 4443 section 4)."""

from __future__ import annotations

import struct
from typing import Final

_HEADER: Final = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence
_REQUEST: Final = {4: 8, 6: 128}
_REPLY: Final = {4: 0, 6: 129}
_IPV4_LEAST: Final = 20

COOKIE: Final = 8
"""Bytes by which a reply is known as one to this run."""


def request(version: int, identifier: int, cookie: bytes) -> bytes:
    """Return an echo request.

    Args:
        version: 4 or 6.
        identifier: 0-65535; the kernel replaces it on sockets that need no privilege.
        cookie: `COOKIE` bytes of this run.

    Returns:
        The ICMP message; of ICMPv6 without a checksum, which the kernel adds (RFC 3542 3.1).
    """
    head = _HEADER.pack(_REQUEST[version], 0, 0, identifier, 0)
    if version == 6:
        return head + cookie
    return _HEADER.pack(_REQUEST[4], 0, checksum(head + cookie), identifier, 0) + cookie


def is_reply(version: int, data: bytes, cookie: bytes, *, raw: bool) -> bool:
    """Tell whether a datagram answers a request of this run.

    Args:
        version: 4 or 6.
        data: as received.
        cookie: of this run.
        raw: of a raw socket, which gives the IPv4 header too.
    """
    if raw and version == 4:
        length = (data[0] & 0x0F) * 4 if data else 0
        if length < _IPV4_LEAST:
            return False
        data = data[length:]
    if len(data) < _HEADER.size + COOKIE:
        return False
    return data[0] == _REPLY[version] and data[1] == 0 and data[_HEADER.size :][:COOKIE] == cookie


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    words: tuple[int, ...] = struct.unpack(f"!{len(data) // 2}H", data)
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
