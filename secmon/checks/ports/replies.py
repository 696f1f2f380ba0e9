"""Read the answers to SYNs out of the slots of a packet ring: the hot path, so struct and nothing else.

What is read here may be forged: an answer counts only where its cookie is that of the SYN that it answers.
Sources: RFC 9293 (TCP), RFC 792 and 1812 (ICMP), RFC 4443 (ICMPv6), RFC 826 (ARP), RFC 4861 (neighbour
discovery). Hostile input: no function here raises.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.sweep import LEAST_WINDOW, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Reply = tuple[bytes, int, int, State]
"""The host's address, its port, the sequence number of the SYN that is answered, and what that means."""

SLOT_BYTES: Final = 256
"""Size of a slot."""
DATA_OFFSET: Final = 80
"""Where in a slot the packet begins, with its IP header."""
PACKET_BYTES: Final = SLOT_BYTES - DATA_OFFSET
"""Bytes kept of each packet: of an ICMP error over IPv6, the embedded TCP header begins at byte 88."""

_LENGTH: Final = struct.Struct("=I").unpack_from
_LENGTH_OFFSET: Final = 8  # tp_snaplen of struct tpacket2_hdr

_TCP, _ICMP, _ICMPV6 = 6, 1, 58
_TCP_ANSWER: Final = struct.Struct(">H6xIxBH").unpack_from  # source port, acknowledgement, flags, window
_TCP_ASKED: Final = struct.Struct(">2xHI").unpack_from  # of an embedded header: destination port, sequence
_IPV4: Final = struct.Struct(">B8xB2x4s4s").unpack_from  # version and length, protocol, source, destination
_IPV6: Final = struct.Struct(">6xBx16s16s").unpack_from  # next header, source, destination

_WORD: Final = 0xFFFFFFFF
_FLAGS: Final = 0x16  # ACK, RST, SYN
_SYN_ACK: Final = 0x12
_RST_ACK: Final = 0x14  # a reset that acknowledges nothing carries no cookie
_MEANING: Final = {_SYN_ACK: State.OPEN, _RST_ACK: State.CLOSED}
# All flags of a segment -> what it says of its port, None for nothing; and the same where its window is next
# to nothing. Tables, since members of an enumeration as keys would cost more than the rest of the loop.
_STATES: Final = tuple(_MEANING.get(flags & _FLAGS) for flags in range(256))
_DOUBTED: Final = tuple(State.UNRELIABLE if state is State.OPEN else state for state in _STATES)

_IPV4_ERRORS: Final = frozenset({(3, code) for code in range(16) if code != 4} | {(11, 0)})
_IPV6_ERRORS: Final = frozenset({(1, code) for code in range(8)} | {(3, 0)})
"""Type and code: unreachable in any way (but for "fragmentation needed"), or lost in a loop on the way."""

_ARP: Final = struct.Struct(">HHBBH6s4s").unpack_from
_ARP_REPLY: Final = (1, 0x0800, 6, 4, 2)
_ADVERTISEMENT: Final = struct.Struct(">7xB32xBB6x16s").unpack_from  # hop limit; type, code; target
_ADVERTISEMENT_BYTES: Final = 64
_TARGET_LINK_OPTION: Final = b"\x02\x01"  # type, length in units of 8 bytes


def parse_ipv4(packet: bytes) -> Reply | None:
    """Read one IPv4 packet of any shape.

    Args:
        packet: from its IP header on; may be cut off anywhere.

    Returns:
        The answer; None where it is none.
    """
    try:
        version, protocol, source, _ = _IPV4(packet)
        at = (version & 0x0F) * 4
        if protocol == _TCP:
            return _parse_tcp(source, packet, at)
        if protocol != _ICMP or (packet[at], packet[at + 1]) not in _IPV4_ERRORS:
            return None
        version, protocol, _, destination = _IPV4(packet, at + 8)
        return _parse_asked(destination, protocol, packet, at + 8 + (version & 0x0F) * 4)
    except (struct.error, IndexError):  # it ends within its headers
        return None


def parse_ipv6(packet: bytes) -> Reply | None:
    """Read one IPv6 packet without extension headers.

    Args:
        packet: from its IP header on; may be cut off anywhere.

    Returns:
        The answer; None where it is none.
    """
    try:
        protocol, source, _ = _IPV6(packet)
        if protocol == _TCP:
            return _parse_tcp(source, packet, 40)
        if protocol != _ICMPV6 or (packet[40], packet[41]) not in _IPV6_ERRORS:
            return None
        protocol, _, destination = _IPV6(packet, 48)
        return _parse_asked(destination, protocol, packet, 88)
    except (struct.error, IndexError):  # it ends within its headers
        return None


def parse_arp(packet: bytes) -> tuple[bytes, bytes] | None:
    """Read an ARP reply.

    Args:
        packet: from its ARP header on.

    Returns:
        IPv4 address and Ethernet address of the sender; None where it is no such reply.
    """
    try:
        *kind, link, address = _ARP(packet)
    except struct.error:
        return None
    return (address, link) if tuple(kind) == _ARP_REPLY else None


def parse_advertisement(packet: bytes) -> tuple[bytes, bytes] | None:
    """Read a neighbour advertisement.

    Args:
        packet: from its IPv6 header on.

    Returns:
        IPv6 address and Ethernet address of the target; None where it is no such advertisement, came from
        beyond the link, or does not tell the Ethernet address.
    """
    try:
        hops, kind, code, address = _ADVERTISEMENT(packet)
    except struct.error:
        return None
    if packet[6] != _ICMPV6 or (hops, kind, code) != (255, 136, 0):
        return None
    at = _ADVERTISEMENT_BYTES
    while at + 8 <= len(packet) and packet[at + 1]:
        if packet[at : at + 2] == _TARGET_LINK_OPTION:
            return address, packet[at + 2 : at + 8]
        at += packet[at + 1] * 8
    return None


def _parse_tcp(source: bytes, packet: bytes, at: int) -> Reply | None:
    port, acknowledged, flags, window = _TCP_ANSWER(packet, at)
    state = (_STATES if window >= LEAST_WINDOW else _DOUBTED)[flags]
    return (source, port, (acknowledged - 1) & _WORD, state) if state else None


def _parse_asked(destination: bytes, protocol: int, packet: bytes, at: int) -> Reply | None:
    """Read the head of the SYN that an ICMP error brings back."""
    if protocol != _TCP:
        return None
    port, number = _TCP_ASKED(packet, at)
    return destination, port, number, State.FILTERED


@dataclass(frozen=True, slots=True)
class Family:
    """How the packets of one Internet protocol lie in their slots.

    Attributes:
        slot: of a slot: first byte and protocol of the IP header, source; of the TCP header that follows it
            where there are no options: source port, acknowledgement, flags, window.
        plain: the first byte of an IP header that has nothing unusual.
        protocol_at: which byte of the IP header tells what follows it.
        parse: reads a packet of any shape.
    """

    slot: struct.Struct
    plain: int
    protocol_at: int
    parse: Callable[[bytes], Reply | None]


IPV4: Final = Family(
    struct.Struct(f">{DATA_OFFSET}xB8xB2x4s4xH6xIxBH{PACKET_BYTES - 36}x"), 0x45, 9, parse_ipv4
)
IPV6: Final = Family(
    struct.Struct(f">{DATA_OFFSET}xB5xBx16s16xH6xIxBH{PACKET_BYTES - 56}x"), 0x60, 6, parse_ipv6
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of a host, by which its answers are known.

    Attributes:
        words: port -> word of its cookie (`segments.Cookies`).
        secret: what the words are mixed with.
        states: port -> what was met before.
    """

    words: Sequence[int]
    secret: int
    states: Mapping[int, State]


def take(
    slots: memoryview, family: Family, asked: Mapping[bytes, Asked]
) -> Iterator[tuple[bytes, dict[int, State]]]:
    """Yield what hosts say of ports that had not answered before.

    Args:
        slots: any number of slots, each with a packet that the program of `filters` for the family let
            through, so that a TCP header is never cut off.
        family: `IPV4` or `IPV6`.
        asked: address -> what was asked there.

    Yields:
        Address, and port -> what was met.
    """
    plain = family.plain
    for address, rows in groupby(family.slot.iter_unpack(slots), itemgetter(2)):
        if host := asked.get(address):
            words, secret, states = host.words, host.secret, host.states
            new = {
                port: state
                for first, protocol, _, port, acknowledged, flags, window in rows
                if acknowledged - 1 == words[port] ^ secret
                and (state := (_STATES if window >= LEAST_WINDOW else _DOUBTED)[flags])
                and port not in states
                and first == plain
                and protocol == _TCP
            }
            if new:
                yield address, new
    count = len(slots) // SLOT_BYTES
    firsts, protocols = slots[DATA_OFFSET::SLOT_BYTES], slots[DATA_OFFSET + family.protocol_at :: SLOT_BYTES]
    if firsts != bytes([plain]) * count or protocols != bytes([_TCP]) * count:
        yield from _take_rare(slots, family, asked)


def _take_rare(
    slots: memoryview, family: Family, asked: Mapping[bytes, Asked]
) -> Iterator[tuple[bytes, dict[int, State]]]:
    """Yield what ICMP errors say, and packets with IP options."""
    for at in range(DATA_OFFSET, len(slots), SLOT_BYTES):
        if slots[at] == family.plain and slots[at + family.protocol_at] == _TCP:
            continue
        length = min(_LENGTH(slots, at - DATA_OFFSET + _LENGTH_OFFSET)[0], PACKET_BYTES)
        reply = family.parse(bytes(slots[at : at + length]))
        if reply is None:
            continue
        address, port, number, state = reply
        host = asked.get(address)
        if host and number == host.words[port] ^ host.secret and port not in host.states:
            yield address, {port: state}
