"""ARP, DHCP and VRRP: decoded as their standards say, against packets of scapy, cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.layers.vrrp import VRRP, VRRPv3

from secmon.checks.traffic import announcements, headers
from secmon.checks.traffic.events import Advertisement, Claim, Lease
from tests.checks.traffic import packets as p

ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
ACK = [("message-type", "ack"), ("lease_time", 60), ("router", "10.0.0.1", "10.0.0.2"), "end"]


def decode(read, data: bytes, link: int = 1, vlan: int = 0):
    return read(p.frame(5.0, data, link, vlan), headers.PARSERS[link](data, 0, len(data)))


def acknowledgement(options=ACK, **fields) -> bytes:
    bootp = BOOTP(**{"op": 2, "yiaddr": "10.0.0.7", "chaddr": p.MACS[7], **fields})
    return bytes(
        ETHER / IP(src="10.0.0.1", dst="10.0.0.7") / UDP(sport=67, dport=68) / bootp / DHCP(options=options)
    )


def test_an_arp_answer():
    data = p.arp(2, p.MACS[3], "10.0.0.3", "10.0.0.4", p.MACS[4])
    expected = Claim(5.0, 0, True, p.MACS[3], p.ip("10.0.0.3"), p.MACS[4], p.ip("10.0.0.4"))
    assert decode(announcements.read_claim, data) == expected


def test_the_vlan_comes_from_the_frame_or_from_the_kernel():
    inside = bytes(ETHER / Dot1Q(vlan=30, type=0x0806)) + p.arp(1, p.MACS[3], "10.0.0.3", "10.0.0.4")[14:]
    assert decode(announcements.read_claim, inside).vlan == 30
    assert decode(announcements.read_claim, p.arp(1, p.MACS[3], "10.0.0.3", "10.0.0.4"), vlan=40).vlan == 40


def test_a_dhcp_acknowledgement_names_host_address_and_routers():
    expected = Lease(5.0, 0, p.MACS[7], p.ip("10.0.0.7"), (p.ip("10.0.0.1"), p.ip("10.0.0.2")))
    assert decode(announcements.read_lease, acknowledgement()) == expected


@pytest.mark.parametrize(
    "data",
    [
        acknowledgement([("message-type", "offer"), "end"]),
        acknowledgement([("lease_time", 60), "end"]),
        acknowledgement(op=1),
        acknowledgement(yiaddr="0.0.0.0"),
        acknowledgement(htype=6),
        p.udp("10.0.0.1", "10.0.0.7", (67, 68), bytes(300)),
        p.udp("10.0.0.1", "10.0.0.7", (67, 68), b""),
    ],
)
def test_other_messages_are_no_lease(data):
    assert decode(announcements.read_lease, data) is None


@pytest.mark.parametrize("layer", [VRRP, VRRPv3])
def test_a_vrrp_advertisement_names_sender_and_addresses(layer):
    message = layer(vrid=1, addrlist=["10.0.0.254", "10.0.0.253"], ipcount=2)
    data = bytes(ETHER / IP(src="10.0.0.2", dst="224.0.0.18", proto=112) / message)
    expected = Advertisement(5.0, 0, p.MACS[1], (p.ip("10.0.0.254"), p.ip("10.0.0.253")))
    assert decode(announcements.read_advertisement, data) == expected


@given(st.binary(max_size=60))
def test_carp_and_garbage_are_no_advertisement_and_raise_nothing(body):
    data = bytes(ETHER / IP(src="10.0.0.2", dst="224.0.0.18", proto=112)) + body
    told = decode(announcements.read_advertisement, data)
    assert told is None or (body[0] in {0x21, 0x31} and len(told.addresses) <= body[3])


@given(st.binary(max_size=60), st.integers(240, 330))
def test_dhcp_options_that_lie_raise_nothing(options, length):
    data = p.udp("10.0.0.1", "10.0.0.7", (67, 68), (acknowledgement()[42:282] + options)[:length])
    told = decode(announcements.read_lease, data)
    assert told is None or told.mac == p.MACS[7]


@pytest.mark.parametrize(
    ("mac", "virtual"),
    [
        ("00005e000107", True),  # VRRP, CARP
        ("00005e000207", True),  # VRRP for IPv6
        ("00000c07ac0a", True),  # HSRP
        ("00000c9ff00a", True),  # HSRP version 2
        ("0007b4000101", True),  # GLBP
        ("00000c9f0a0a", False),
        ("00005e000307", False),
        ("020000000001", False),
    ],
)
def test_the_hardware_addresses_of_redundancy_protocols(mac, virtual):
    assert announcements.is_virtual_router(bytes.fromhex(mac)) is virtual
