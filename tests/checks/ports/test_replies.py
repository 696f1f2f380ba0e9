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
from secmon.checks.ports.sweep import State
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
    answer,
    icmp,
)

SECRET = 0x155AA55A
RAW, RAW6 = socket.inet_pton(socket.AF_INET, HOST), socket.inet_pton(socket.AF_INET6, HOST6)


def slots(*packets: bytes) -> memoryview:
    """Put packets into slots as the kernel does; what follows a packet is left from earlier ones."""
    run = b""
    for packet in packets:
        kept = packet[: replies.PACKET_BYTES]
        header = struct.pack("=IIIHHIIHH4x", 1, len(packet), len(kept), 80, 80, 0, 0, 0, 0)
        run += header.ljust(replies.DATA_OFFSET, b"\xee") + kept.ljust(replies.PACKET_BYTES, b"\xee")
    return memoryview(run)


def asked(number: int = NUMBER, **states: State) -> dict[bytes, replies.Asked]:
    """Return what was asked of both hosts: one port, with that cookie."""
    words = [0] * 65536
    words[PORT] = number ^ SECRET
    met = {int(port.removeprefix("p")): state for port, state in states.items()}
    return dict.fromkeys((RAW, RAW6), replies.Asked(words, SECRET, met))


@pytest.mark.parametrize(("packet", "state"), ANSWERS4.values(), ids=ANSWERS4)
def test_answers_over_ipv4(packet, state):
    assert replies.parse_ipv4(bytes(packet)) == (RAW, PORT, NUMBER, state)
    run = slots(bytes(packet))
    assert list(replies.take(run, replies.IPV4, asked())) == [(RAW, {PORT: state})]
    assert list(replies.take(run, replies.IPV4, asked(NUMBER ^ 1))) == [], "another cookie"
    assert list(replies.take(run, replies.IPV4, asked(p443=State.OPEN))) == [], "it has answered before"
    assert list(replies.take(run, replies.IPV4, {})) == [], "nobody asked"


@pytest.mark.parametrize(("packet", "state"), ANSWERS6.values(), ids=ANSWERS6)
def test_answers_over_ipv6(packet, state):
    assert replies.parse_ipv6(bytes(packet)) == (RAW6, PORT, NUMBER, state)
    run = slots(bytes(packet))
    assert list(replies.take(run, replies.IPV6, asked())) == [(RAW6, {PORT: state})]
    assert list(replies.take(run, replies.IPV6, asked(NUMBER ^ 1))) == [], "another cookie"


@pytest.mark.parametrize("packet", NO_ANSWERS4.values(), ids=NO_ANSWERS4)
def test_what_is_no_answer_over_ipv4(packet):
    assert replies.parse_ipv4(bytes(packet)) is None
    assert list(replies.take(slots(bytes(packet)), replies.IPV4, asked())) == []


@pytest.mark.parametrize("packet", NO_ANSWERS6.values(), ids=NO_ANSWERS6)
def test_what_is_no_answer_over_ipv6(packet):
    assert replies.parse_ipv6(bytes(packet)) is None
    assert list(replies.take(slots(bytes(packet)), replies.IPV6, asked())) == []


def test_a_run_may_hold_packets_of_every_kind():
    """Of a port the last word of a run counts, of a host's plain packets; ICMP errors come last."""
    other = bytes(answer("SA"))[:12] + bytes([198, 51, 100, 77]) + bytes(answer("SA"))[16:]
    noise = [bytes(packet) for packet in (*NO_ANSWERS4.values(), answer("A", window=0))]
    run = slots(*noise, bytes(answer("SA")), other, *noise, bytes(icmp(3, 13)), bytes(answer("SA")), *noise)
    everything = asked()
    everything[bytes([198, 51, 100, 77])] = everything[RAW]
    met = list(replies.take(run, replies.IPV4, everything))
    assert met == [
        (RAW, {PORT: State.OPEN}),
        (bytes([198, 51, 100, 77]), {PORT: State.OPEN}),
        (RAW, {PORT: State.OPEN}),
        (RAW, {PORT: State.FILTERED}),
    ]


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
    assert list(replies.take(slots(packet, packet), family, asked(2**32))) == [], "no such cookie was sent"


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
