"""Parse the headers of one frame into a plain tuple: the hot path, so struct and nothing else.

Sources: IEEE 802.3 and 802.1Q, RFC 791, RFC 8200, RFC 9293, RFC 768, RFC 792, RFC 4443, RFC 826,
tcpdump.org/linktypes for the cooked captures. Hostile input: no function here raises.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

Packet = tuple[int, bytes, bytes, int, int, int, int, int]
"""Protocol, source and destination address, source and destination port, TCP flags, start and end of what
follows the network header. ICMP has its type and code as ports; ARP its sender and target addresses as
addresses and its operation as source port; everything else zeros."""

TCP: Final = 6
UDP: Final = 17
ICMP: Final = 1
ICMP6: Final = 58
VRRP: Final = 112
FRAGMENT: Final = 44
"""A fragment that is not the first of its datagram: it has no ports."""
ARP: Final = 0x0806
OTHER: Final = -1
"""Neither IP nor ARP, or malformed."""
SHORT: Final = -2
"""The captured bytes end within the headers."""

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
ACK: Final = 0x10

ETHERNET: Final = 1
LINUX_SLL: Final = 113
LINUX_SLL2: Final = 276

_IPV4: Final = 0x0800
_IPV6: Final = 0x86DD
_VLAN_TAGS: Final = frozenset({0x8100, 0x88A8, 0x9100})
_MAX_TAGS: Final = 4
_MAX_EXTENSIONS: Final = 8
_EXTENSIONS: Final = frozenset({0, 43, 60, 135, 139, 140})  # all have their length in units of 8 bytes
_AUTHENTICATION: Final = 51
_MAC_START: Final = {ETHERNET: 6, LINUX_SLL: 6, LINUX_SLL2: 12}

_NOTHING: Final[Packet] = (OTHER, b"", b"", 0, 0, 0, 0, 0)
_TOO_SHORT: Final[Packet] = (SHORT, b"", b"", 0, 0, 0, 0, 0)

# Ethernet, IPv4 without options and TCP in one go: type, version and length, total length, fragment,
# protocol, addresses, ports, TCP flags.
_COMMON: Final = struct.Struct(">12xHBxHxxHxBxx4s4sHH9xB").unpack_from
_COMMON_BYTES: Final = 48
_IPV4_HEADER: Final = struct.Struct(">BxHxxHxBxx4s4s").unpack_from
_IPV6_HEADER: Final = struct.Struct(">4xHBx16s16s").unpack_from
_ARP_BODY: Final = struct.Struct(">HHBBH6x4s6x4s").unpack_from
_PORTS: Final = struct.Struct(">HH").unpack_from
_TYPE: Final = struct.Struct(">H").unpack_from


def parse_ethernet(data: bytes | memoryview, start: int, end: int) -> Packet:
    """Parse an Ethernet frame, with or without VLAN tags.

    Args:
        data: buffer that holds the frame.
        start: where the frame begins in it.
        end: where its captured bytes end.

    Returns:
        The packet.
    """
    if end - start >= _COMMON_BYTES:
        kind, version, total, fragment, protocol, source, destination, sport, dport, flags = _COMMON(
            data, start
        )
        if kind == _IPV4 and version == 0x45 and not fragment & 0x3FFF:  # bit 14 is "do not fragment"
            if protocol == TCP and total >= 40:
                return protocol, source, destination, sport, dport, flags, start + 34, end
            if protocol == UDP and total >= 28:
                return protocol, source, destination, sport, dport, 0, start + 34, end
    elif end - start < 14:
        return _TOO_SHORT
    (kind,) = _TYPE(data, start + 12)
    at = start + 14
    for _ in range(_MAX_TAGS):
        if kind not in _VLAN_TAGS:
            break
        if end - at < 4:
            return _TOO_SHORT
        (kind,) = _TYPE(data, at + 2)
        at += 4
    return _parse_network(kind, data, at, end)


def parse_raw(data: bytes | memoryview, start: int, end: int) -> Packet:
    """Parse a packet that begins with its IP header; arguments and result as `parse_ethernet`."""
    if start >= end:
        return _TOO_SHORT
    version = data[start] >> 4
    return _parse_network({4: _IPV4, 6: _IPV6}.get(version, 0), data, start, end)


def parse_sll(data: bytes | memoryview, start: int, end: int) -> Packet:
    """Parse a Linux cooked capture, version 1; arguments and result as `parse_ethernet`."""
    if end - start < 16:
        return _TOO_SHORT
    return _parse_network(_TYPE(data, start + 14)[0], data, start + 16, end)


def parse_sll2(data: bytes | memoryview, start: int, end: int) -> Packet:
    """Parse a Linux cooked capture, version 2; arguments and result as `parse_ethernet`."""
    if end - start < 20:
        return _TOO_SHORT
    return _parse_network(_TYPE(data, start)[0], data, start + 20, end)


PARSERS: Final[dict[int, Callable[[bytes | memoryview, int, int], Packet]]] = {
    ETHERNET: parse_ethernet,
    12: parse_raw,  # DLT_RAW of Linux and most BSDs
    14: parse_raw,  # DLT_RAW of OpenBSD
    101: parse_raw,  # LINKTYPE_RAW
    228: parse_raw,  # LINKTYPE_IPV4
    229: parse_raw,  # LINKTYPE_IPV6
    LINUX_SLL: parse_sll,
    LINUX_SLL2: parse_sll2,
}
"""Link type (tcpdump.org/linktypes) -> how its frames are parsed."""

LINK_NAMES: Final = {
    0: "NULL",
    9: "PPP",
    50: "PPP_HDLC",
    104: "C_HDLC",
    105: "IEEE802_11",
    108: "LOOP",
    127: "IEEE802_11_RADIOTAP",
    147: "USER0",
    187: "BLUETOOTH_HCI_H4",
    189: "USB_LINUX",
    195: "IEEE802_15_4",
    220: "USB_LINUX_MMAPPED",
    227: "CAN_SOCKETCAN",
    239: "NFLOG",
}
"""Names of link types that people meet and that are not parsed."""


def vlan_of(data: bytes | memoryview, start: int, end: int) -> int:
    """Return the VLAN of a parsed Ethernet frame, the outer identifier in the upper bits; 0 without a tag."""
    vlan = 0
    at = start + 12
    for _ in range(_MAX_TAGS):
        if end - at < 4 or _TYPE(data, at)[0] not in _VLAN_TAGS:
            break
        vlan = vlan << 12 | _TYPE(data, at + 2)[0] & 0xFFF
        at += 4
    return vlan


def sender_of(link: int, data: bytes | memoryview, start: int) -> bytes:
    """Return the hardware address that sent a parsed frame, b"" where the link type has none."""
    offset = _MAC_START.get(link)
    return b"" if offset is None else bytes(data[start + offset : start + offset + 6])


def _parse_network(kind: int, data: bytes | memoryview, at: int, end: int) -> Packet:
    if kind == _IPV4:
        return _parse_ipv4(data, at, end)
    if kind == _IPV6:
        return _parse_ipv6(data, at, end)
    if kind == ARP:
        return _parse_arp(data, at, end)
    return _NOTHING


def _parse_ipv4(data: bytes | memoryview, at: int, end: int) -> Packet:
    if end - at < 20:
        return _TOO_SHORT
    version, total, fragment, protocol, source, destination = _IPV4_HEADER(data, at)
    length = (version & 0x0F) * 4
    if version >> 4 != 4 or length < 20:
        return _NOTHING
    if total == 0:  # segmentation offload: the card fills it in after the capture saw the packet
        total = end - at
    if total < length:
        return _NOTHING
    if fragment & 0x1FFF:
        protocol = FRAGMENT
    return _parse_transport(protocol, source, destination, data, at + length, (end, at + total))


def _parse_ipv6(data: bytes | memoryview, at: int, end: int) -> Packet:
    if end - at < 40:
        return _TOO_SHORT
    payload, protocol, source, destination = _IPV6_HEADER(data, at)
    at += 40
    ends = (end, at + payload if payload else end)  # 0: a jumbogram, or segmentation offload
    for _ in range(_MAX_EXTENSIONS):
        if protocol in _EXTENSIONS:
            if end - at < 2:
                return _TOO_SHORT
            protocol, at = data[at], at + (data[at + 1] + 1) * 8
        elif protocol == _AUTHENTICATION:
            if end - at < 2:
                return _TOO_SHORT
            protocol, at = data[at], at + (data[at + 1] + 2) * 4
        elif protocol == FRAGMENT:
            if end - at < 8:
                return _TOO_SHORT
            if _TYPE(data, at + 2)[0] & 0xFFF8:
                break
            protocol, at = data[at], at + 8
        else:
            break
    return _parse_transport(protocol, source, destination, data, at, ends)


def _parse_transport(
    protocol: int,
    source: bytes,
    destination: bytes,
    data: bytes | memoryview,
    at: int,
    ends: tuple[int, int],
) -> Packet:
    """Read ports and flags; `ends` are the ends of the captured bytes and of the datagram itself."""
    needed = {TCP: 14, UDP: 8, ICMP: 2, ICMP6: 2}.get(protocol, 0)
    captured_end, datagram_end = ends
    if at + needed > datagram_end:
        return _NOTHING
    if at + needed > captured_end:
        return _TOO_SHORT
    stop = min(ends)
    if protocol in {TCP, UDP}:
        sport, dport = _PORTS(data, at)
        return protocol, source, destination, sport, dport, data[at + 13] if protocol == TCP else 0, at, stop
    if needed:
        return protocol, source, destination, data[at], data[at + 1], 0, at, stop
    return protocol, source, destination, 0, 0, 0, at, stop


def _parse_arp(data: bytes | memoryview, at: int, end: int) -> Packet:
    if end - at < 28:
        return _TOO_SHORT
    hardware, kind, hardware_length, length, operation, sender, target = _ARP_BODY(data, at)
    if hardware != 1 or kind != _IPV4 or hardware_length != 6 or length != 4:
        return _NOTHING
    return ARP, sender, target, operation, 0, 0, at, end
