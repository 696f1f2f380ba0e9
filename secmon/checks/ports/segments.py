"""Build the frames that a SYN scan sends: a SYN per address, patched for each port; questions to neighbours.

The frames are packed here and not by scapy, which the tests hold them against (docs/adr/0017-syn-engine.md).
Sources: RFC 9293 (TCP), RFC 791 and 6864 (IPv4), RFC 8200 (IPv6), RFC 1071 and 1624 (checksums),
RFC 826 (ARP), RFC 4861 (neighbour discovery).
"""

from __future__ import annotations

import hashlib
import struct
from array import array
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY_BYTES: Final = 16
"""Bytes of the key of `Cookies`."""
LINK_BYTES: Final = 6
"""Bytes of an Ethernet address."""

_SPARE_BITS: Final = 3  # of the 32 of a sequence number
_ETHERNET: Final = struct.Struct(">6s6sH")
_ETH_IPV4, _ETH_ARP, _ETH_IPV6 = 0x0800, 0x0806, 0x86DD
_BROADCAST: Final = b"\xff" * LINK_BYTES

_IPV4: Final = struct.Struct(">BBHHHBBH4s4s")
_IPV6: Final = struct.Struct(">IHBB16s16s")
_DO_NOT_FRAGMENT: Final = 0x4000  # so the identification may stay 0 (RFC 6864 4.1)
_HOP_LIMIT: Final = 64
_TCP_PROTOCOL, _ICMPV6_PROTOCOL = 6, 58

# Ports, sequence, acknowledgement; data offset, flags and window as one number; checksum, urgent pointer.
_TCP: Final = struct.Struct(">HHIIIHH")
_VARIABLE: Final = struct.Struct(">HIIIH")  # of these, from the destination port to the checksum
_VARIABLE_OFFSET: Final = 2
_MSS: Final = {4: 1460, 16: 1440}  # of a link with an MTU of 1,500 bytes, by length of the address
_SYN_WINDOW: Final = 6 << 28 | 0x02 << 16 | 1024  # 24 bytes of header, SYN, a window of 1,024 bytes

_ARP: Final = struct.Struct(">HHBBH6s4s6s4s")
_ARP_REQUEST: Final = 1
_SOLICITATION: Final = struct.Struct(">BBHI16sBB6s")
_SOLICIT_TYPE: Final = 135
_SOURCE_OPTION, _OPTION_UNITS = 1, 1  # source link-layer address, in units of 8 bytes
_SOLICITED_NODE: Final = bytes.fromhex("ff0200000000000000000001ff")  # and the last 3 bytes (RFC 4291 2.7.1)


class Cookies:
    """The sequence numbers of our SYNs: a keyed hash of address and port.

    Who does not see our packets cannot guess them, so that only answers to our own SYNs count. The number for
    a port is its word of one extendable hash (SHAKE128, FIPS 202) over the key, which costs a millisecond for
    all ports, exclusive or the secret of the address (BLAKE2b, RFC 7693). It has 29 bits: sums with it stay
    below 2^30, up to which Python computes in a third less time.

    Args:
        key: `KEY_BYTES` random bytes, new for each run.

    Attributes:
        words: port -> its word.
    """

    __slots__ = ("_key", "words")

    def __init__(self, key: bytes) -> None:
        self._key = key
        drawn = array("I")
        drawn.frombytes(hashlib.shake_128(key).digest(drawn.itemsize << 16))
        self.words = array("I", [number >> _SPARE_BITS for number in drawn])

    def secret(self, address: bytes) -> int:
        """Return what is mixed into the words for an address, as bytes."""
        drawn = hashlib.blake2b(address, digest_size=4, key=self._key).digest()
        return int.from_bytes(drawn, "big") >> _SPARE_BITS


class Template:
    """The frame of a SYN to one address.

    Args:
        link: link-layer addresses, that of the neighbour first.
        source: this host's address, as bytes.
        destination: the address of the host that is scanned, as bytes.
        port: source port.

    Attributes:
        size: bytes of a frame.
    """

    __slots__ = ("_frame", "_sum", "_variable", "size")

    def __init__(self, link: tuple[bytes, bytes], source: bytes, destination: bytes, port: int) -> None:
        options = struct.pack(">BBH", 2, 4, _MSS[len(source)])
        segment = _TCP.pack(port, 0, 0, 0, _SYN_WINDOW, 0, 0) + options
        header = _network_header(source, destination, _TCP_PROTOCOL, len(segment))
        kind = _ETH_IPV4 if len(source) == 4 else _ETH_IPV6
        self._frame = _ETHERNET.pack(*link, kind) + header + segment
        self._variable = len(self._frame) - len(segment) + _VARIABLE_OFFSET
        self._sum = _sum(_pseudo_header(source, destination, _TCP_PROTOCOL, len(segment)) + segment)
        self.size = len(self._frame)

    def burst(self, ports: Sequence[int], numbers: Sequence[int]) -> bytearray:
        """Return the frames for some ports, one after the other.

        2^16 is 1 modulo 2^16 - 1, so a number of 32 bits adds to a ones' complement sum as its two halves do,
        and the sum of the fields that change can be taken in one go.

        Args:
            ports: destination ports.
            numbers: the sequence number of each.
        """
        frames = bytearray(self._frame * len(ports))
        base, pack, offsets = self._sum, _VARIABLE.pack_into, range(self._variable, len(frames), self.size)
        for at, port, number in zip(offsets, ports, numbers, strict=True):
            pack(frames, at, port, number, 0, _SYN_WINDOW, -(base + port + number) % 0xFFFF)
        return frames


def arp_request(link: bytes, source: bytes, target: bytes) -> bytes:
    """Return the frame that asks who has an IPv4 address.

    Args:
        link: this host's link-layer address.
        source: this host's address.
        target: the address asked for.
    """
    body = _ARP.pack(1, _ETH_IPV4, LINK_BYTES, 4, _ARP_REQUEST, link, source, bytes(LINK_BYTES), target)
    return _ETHERNET.pack(_BROADCAST, link, _ETH_ARP) + body


def neighbour_solicitation(link: bytes, source: bytes, target: bytes) -> bytes:
    """Return the frame that asks who has an IPv6 address.

    Args:
        link: this host's link-layer address.
        source: this host's address.
        target: the address asked for.
    """
    group = _SOLICITED_NODE + target[-3:]
    fields = (0, target, _SOURCE_OPTION, _OPTION_UNITS, link)
    empty = _SOLICITATION.pack(_SOLICIT_TYPE, 0, 0, *fields)
    total = _sum(_pseudo_header(source, group, _ICMPV6_PROTOCOL, len(empty)) + empty)
    message = _SOLICITATION.pack(_SOLICIT_TYPE, 0, -total % 0xFFFF, *fields)
    header = _network_header(source, group, _ICMPV6_PROTOCOL, len(message), hop_limit=255)
    return _ETHERNET.pack(b"\x33\x33" + group[-4:], link, _ETH_IPV6) + header + message


def _network_header(
    source: bytes, destination: bytes, protocol: int, length: int, hop_limit: int = _HOP_LIMIT
) -> bytes:
    """Return the IP header in front of so many bytes."""
    if len(source) == 16:
        return _IPV6.pack(6 << 28, length, protocol, hop_limit, source, destination)
    fields = (0x45, 0, _IPV4.size + length, 0, _DO_NOT_FRAGMENT, hop_limit, protocol)
    checksum = -_sum(_IPV4.pack(*fields, 0, source, destination)) % 0xFFFF
    return _IPV4.pack(*fields, checksum, source, destination)


def _pseudo_header(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    """Return what a checksum covers of the IP header; the sum is that of either family's layout."""
    return source + destination + struct.pack(">II", length, protocol)


def _sum(data: bytes) -> int:
    """Return the sum of the 16-bit words of an even number of bytes, modulo 2^16 - 1."""
    return int.from_bytes(data, "big") % 0xFFFF
