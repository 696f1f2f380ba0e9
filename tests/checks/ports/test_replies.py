"""What comes back after a SYN: every answer of scapy's making is read, and no other bytes are an answer."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet6 import ICMPv6ND_NA, IPv6
from scapy.layers.l2 import ARP

from secmon.checks.ports import replies
from tests.checks.ports.answers import (
    ADVERTISEMENT,
    ANSWERS4,
    ANSWERS6,
    HOST,
    HOST6,
    NO_ANSWERS4,
    NO_ANSWERS6,
    NUMBER,
    PORT,
)

RAW, RAW6 = socket.inet_pton(socket.AF_INET, HOST), socket.inet_pton(socket.AF_INET6, HOST6)


def slots(*packets: bytes) -> memoryview:
    """Put packets into slots as the kernel does; what follows a packet is left from earlier ones."""
    run = b""
    for packet in packets:
        kept = packet[: replies.PACKET_BYTES]
        header = struct.pack("=IIIHHIIHH4x", 1, len(packet), len(kept), 80, 80, 0, 0, 0, 0)
        run += header.ljust(replies.DATA_OFFSET, b"\xee") + kept.ljust(replies.PACKET_BYTES, b"\xee")
    return memoryview(run)


@pytest.mark.parametrize(("packet", "state"), ANSWERS4.values(), ids=ANSWERS4)
def test_answers_over_ipv4(packet, state):
    reply = (RAW, PORT, NUMBER, state)
    assert replies.parse_ipv4(bytes(packet)) == reply
    assert list(replies.read(slots(bytes(packet), bytes(packet)), replies.IPV4)) == [reply, reply]


@pytest.mark.parametrize(("packet", "state"), ANSWERS6.values(), ids=ANSWERS6)
def test_answers_over_ipv6(packet, state):
    reply = (RAW6, PORT, NUMBER, state)
    assert replies.parse_ipv6(bytes(packet)) == reply
    assert list(replies.read(slots(bytes(packet), bytes(packet)), replies.IPV6)) == [reply, reply]


@pytest.mark.parametrize("packet", NO_ANSWERS4.values(), ids=NO_ANSWERS4)
def test_what_is_no_answer_over_ipv4(packet):
    assert replies.parse_ipv4(bytes(packet)) is None
    assert list(replies.read(slots(bytes(packet)), replies.IPV4)) == []


@pytest.mark.parametrize("packet", NO_ANSWERS6.values(), ids=NO_ANSWERS6)
def test_what_is_no_answer_over_ipv6(packet):
    assert replies.parse_ipv6(bytes(packet)) is None
    assert list(replies.read(slots(bytes(packet)), replies.IPV6)) == []


def test_a_run_is_read_in_its_order():
    packets = [bytes(packet) for packet, _ in ANSWERS4.values()]
    states = [state for *_, state in replies.read(slots(*packets), replies.IPV4)]
    assert states == [state for _, state in ANSWERS4.values()]


@pytest.mark.parametrize("packet", [packet for packet, _ in ANSWERS4.values()], ids=ANSWERS4)
def test_a_packet_cut_anywhere_says_the_same_or_nothing(packet):
    data = bytes(packet)
    whole = replies.parse_ipv4(data)
    for length in range(len(data)):
        assert replies.parse_ipv4(data[:length]) in (None, whole)


@pytest.mark.parametrize("packet", [packet for packet, _ in ANSWERS6.values()], ids=ANSWERS6)
def test_a_packet_over_ipv6_cut_anywhere_says_the_same_or_nothing(packet):
    data = bytes(packet)
    whole = replies.parse_ipv6(data)
    for length in range(len(data)):
        assert replies.parse_ipv6(data[:length]) in (None, whole)


@settings(deadline=None)
@given(
    data=st.binary(max_size=replies.PACKET_BYTES),
    start=st.sampled_from(
        [b"", b"\x45", bytes.fromhex("4500002800000000400600"), bytes.fromhex("6000000000000640")]
    ),
    family=st.sampled_from([replies.IPV4, replies.IPV6]),
)
def test_no_bytes_raise_or_make_up_a_cookie(data, start, family):
    packet = (start + data)[: replies.PACKET_BYTES]
    replies.parse_arp(packet)
    replies.parse_advertisement(packet)
    reply = family.parse(packet)
    if reply:
        _, _, number, _ = reply
        carried = {packet[at : at + 4] for at in range(len(packet) - 3)}
        assert number.to_bytes(4, "big") in carried or ((number + 1) % 2**32).to_bytes(4, "big") in carried
    list(replies.read(slots(packet, packet), family))


def test_an_arp_reply_names_its_sender():
    packet = ARP(
        op="is-at", hwsrc="02:00:00:00:00:07", psrc=HOST, hwdst="02:00:00:00:00:01", pdst="192.0.2.1"
    )
    assert replies.parse_arp(bytes(packet)) == (RAW, bytes.fromhex("020000000007"))
    packet.op = "who-has"
    assert replies.parse_arp(bytes(packet)) is None
    assert replies.parse_arp(bytes(packet)[:17]) is None


def test_a_neighbour_advertisement_names_its_target():
    assert replies.parse_advertisement(bytes(ADVERTISEMENT)) == (RAW6, bytes.fromhex("020000000007"))
    beyond = bytes(ADVERTISEMENT.copy())
    assert replies.parse_advertisement(beyond[:7] + b"\x40" + beyond[8:]) is None, "it came through a router"
    assert replies.parse_advertisement(beyond[:70]) is None
    silent = IPv6(src=HOST6, dst="2001:db8::1", hlim=255) / ICMPv6ND_NA(tgt=HOST6)
    assert replies.parse_advertisement(bytes(silent)) is None
    assert replies.parse_advertisement(bytes(silent) + bytes(8)) is None, "an option of no length"
