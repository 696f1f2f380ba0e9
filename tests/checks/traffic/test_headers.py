"""The header parse: against packets that scapy builds, and against bytes that nobody built."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.l2 import ARP, CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Ether

from secmon.checks.traffic import headers
from tests.checks.traffic.packets import ip

A, B = "192.0.2.1", "198.51.100.2"
A6, B6 = "2001:db8::1", "2001:db8::2"
ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
V4 = IP(src=A, dst=B)
V6 = IPv6(src=A6, dst=B6)
SEGMENT = TCP(sport=1024, dport=443, flags="SA")


def parse(packet, link: int = headers.ETHERNET) -> headers.Packet:
    """Parse with other bytes around the frame, so that reading beyond it shows."""
    data = bytes(packet)
    padded = b"\xee" * 3 + data + b"\xee" * 64
    return headers.PARSERS[link](padded, 3, 3 + len(data))


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (ETHER / V4 / SEGMENT, (6, ip(A), ip(B), 1024, 443, 0x12)),
        (ETHER / V4 / SEGMENT / (b"x" * 100), (6, ip(A), ip(B), 1024, 443, 0x12)),
        (ETHER / IP(src=A, dst=B, flags="DF") / SEGMENT, (6, ip(A), ip(B), 1024, 443, 0x12)),
        (ETHER / IP(src=A, dst=B, options=b"\x01" * 8) / SEGMENT, (6, ip(A), ip(B), 1024, 443, 0x12)),
        (ETHER / V4 / UDP(sport=53, dport=5353) / b"", (17, ip(A), ip(B), 53, 5353, 0)),
        (ETHER / V4 / UDP(sport=53, dport=5353) / (b"x" * 30), (17, ip(A), ip(B), 53, 5353, 0)),
        (ETHER / V4 / ICMP(type=3, code=13) / b"x", (1, ip(A), ip(B), 3, 13, 0)),
        (ETHER / Dot1Q(vlan=7) / V4 / SEGMENT, (6, ip(A), ip(B), 1024, 443, 0x12)),
        (ETHER / Dot1AD(vlan=9) / Dot1Q(vlan=7) / V6 / SEGMENT, (6, ip(A6), ip(B6), 1024, 443, 0x12)),
        (ETHER / V6 / UDP(sport=546, dport=547), (17, ip(A6), ip(B6), 546, 547, 0)),
        (ETHER / V6 / ICMPv6EchoRequest(), (58, ip(A6), ip(B6), 128, 0, 0)),
        (
            ETHER
            / V6
            / IPv6ExtHdrHopByHop()
            / IPv6ExtHdrRouting(addresses=[B6])
            / IPv6ExtHdrDestOpt()
            / SEGMENT,
            (6, ip(A6), ip(B6), 1024, 443, 0x12),
        ),
        (ETHER / V6 / IPv6ExtHdrFragment(offset=0, m=1) / SEGMENT, (6, ip(A6), ip(B6), 1024, 443, 0x12)),
        (
            ETHER / V6 / IPv6ExtHdrFragment(offset=8) / (b"x" * 40),
            (headers.FRAGMENT, ip(A6), ip(B6), 0, 0, 0),
        ),
        (ETHER / IP(src=A, dst=B, flags="MF") / SEGMENT, (6, ip(A), ip(B), 1024, 443, 0x12)),
        (ETHER / IP(src=A, dst=B, frag=100) / SEGMENT, (headers.FRAGMENT, ip(A), ip(B), 0, 0, 0)),
        (ETHER / IP(src=A, dst=B, proto=112) / (b"x" * 40), (headers.VRRP, ip(A), ip(B), 0, 0, 0)),
        (ETHER / ARP(op=2, psrc=A, pdst=B), (headers.ARP, ip(A), ip(B), 2, 0, 0)),
    ],
)
def test_ethernet(packet, expected):
    assert parse(packet)[:6] == expected


@pytest.mark.parametrize(
    ("packet", "link"),
    [
        (V4 / SEGMENT, 101),
        (V4 / SEGMENT, 12),
        (CookedLinux(proto=0x0800) / V4 / SEGMENT, headers.LINUX_SLL),
        (CookedLinuxV2(proto=0x0800) / V4 / SEGMENT, headers.LINUX_SLL2),
    ],
)
def test_other_links(packet, link):
    assert parse(packet, link)[:6] == (6, ip(A), ip(B), 1024, 443, 0x12)


def test_the_transport_header_is_found_and_padding_left_out():
    packet = parse(bytes(ETHER / V4 / UDP(sport=1, dport=2) / b"abc") + b"\0" * 15)
    assert packet[6] == 3 + 14 + 20
    options = parse(bytes(ETHER / IP(src=A, dst=B, options=b"\x01" * 4) / UDP() / b"abc") + b"\0" * 11)
    assert options[6:] == (3 + 14 + 24, 3 + 14 + 24 + 11)


@pytest.mark.parametrize("packet", [ETHER / V4 / SEGMENT, ETHER / Dot1Q() / V6 / SEGMENT, ETHER / ARP()])
def test_a_frame_cut_in_its_headers_is_short_not_something_else(packet):
    whole = bytes(packet)
    needed = {54: 48, 78: 72, 42: 42}[len(whole)]
    for length in range(len(whole)):
        kind = headers.parse_ethernet(whole, 0, length)[0]
        assert (kind == headers.SHORT) == (length < needed), length


@pytest.mark.parametrize(
    "packet",
    [
        ETHER / IP(src=A, dst=B, ihl=4) / SEGMENT,
        ETHER / IP(src=A, dst=B, version=5) / SEGMENT,
        ETHER / IP(src=A, dst=B, len=12) / SEGMENT,
        ETHER / IP(src=A, dst=B, len=24) / SEGMENT,
        Ether(type=0x88CC) / (b"x" * 60),
        ETHER / ARP(hwtype=6, hwlen=8),
    ],
)
def test_what_contradicts_itself_is_nothing(packet):
    assert parse(packet)[0] == headers.OTHER


def test_a_length_of_zero_means_that_the_card_fills_it_in():
    assert parse(ETHER / IP(src=A, dst=B, len=0) / SEGMENT)[:5] == (6, ip(A), ip(B), 1024, 443)


def test_extension_headers_are_followed_eight_deep_and_no_deeper():
    chain = bytes(V6)[:6] + b"\x00" + bytes(V6)[7:40] + b"\x00\x00" + bytes(6)
    endless = chain[:4] + struct.pack(">H", 8 * 20) + chain[6:40] + (b"\x00\x00" + bytes(6)) * 20
    assert headers.parse_raw(endless, 0, len(endless))[0] == 0


def test_the_vlan_is_that_of_all_tags():
    tagged = bytes(ETHER / Dot1AD(vlan=9) / Dot1Q(vlan=7, prio=5) / ARP())
    assert headers.vlan_of(tagged, 0, len(tagged)) == 9 << 12 | 7
    assert headers.vlan_of(bytes(ETHER / ARP()), 0, 42) == 0


@settings(max_examples=500)
@given(
    st.sampled_from(sorted(headers.PARSERS)),
    st.sampled_from([b"", bytes(ETHER / V4 / SEGMENT), bytes(ETHER / V6 / IPv6ExtHdrHopByHop() / SEGMENT)]),
    st.lists(st.tuples(st.integers(0, 80), st.integers(0, 255)), max_size=4),
    st.binary(max_size=90),
)
def test_no_bytes_raise_and_nothing_beyond_the_frame_is_pointed_at(link, head, damage, tail):
    data = bytearray(head + tail)
    for place, value in damage:
        if place < len(data):
            data[place] = value
    packet = headers.PARSERS[link](bytes(data), 0, len(data))
    assert 0 <= packet[6] <= packet[7] <= len(data)
    assert len(packet[1]) == len(packet[2])
