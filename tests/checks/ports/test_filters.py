"""The kernel itself runs the filter programs, on a pair of UNIX sockets; packets come from scapy."""

from __future__ import annotations

import socket

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP

from secmon.checks.ports import filters
from secmon.checks.ports.probe.ring import attach
from secmon.checks.ports.replies import PACKET_BYTES
from tests.checks.ports.answers import (
    ADVERTISEMENT,
    ANSWERS4,
    ANSWERS6,
    HOST,
    NO_ANSWERS4,
    OUR_PORT,
    SYN6,
    answer,
    answer6,
    icmp,
)


def passed(program: bytes, packet) -> bytes | None:
    """Return what a program lets through of a packet."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, far:
        far.setblocking(False)
        attach(far, program)
        near.send(bytes(packet))
        try:
            return far.recv(65536)
        except BlockingIOError:
            return None


@pytest.mark.parametrize("packet", [packet for packet, _ in ANSWERS4.values()], ids=ANSWERS4)
def test_answers_over_ipv4_pass(packet):
    assert passed(filters.answers_ipv4(OUR_PORT), packet) == bytes(packet)
    assert passed(filters.answers_ipv4(OUR_PORT + 1), packet) is None, "it is for another port"
    assert passed(filters.answers_ipv6(OUR_PORT), packet) is None


@pytest.mark.parametrize("packet", [packet for packet, _ in ANSWERS6.values()], ids=ANSWERS6)
def test_answers_over_ipv6_pass(packet):
    assert passed(filters.answers_ipv6(OUR_PORT), packet) == bytes(packet)
    assert passed(filters.answers_ipv6(OUR_PORT + 1), packet) is None, "it is for another port"
    assert passed(filters.answers_ipv4(OUR_PORT), packet) is None


@pytest.mark.parametrize(
    "packet",
    [
        answer("SA", frag=7),
        IP(bytes(answer("SA"))[:30]),
        NO_ANSWERS4["an echo reply"],
        icmp(5, 0),
        answer("SA", port=80),
        IP(src=HOST, dst="192.0.2.1", proto=17) / bytes(answer("SA")[TCP]),
    ],
    ids=["a later fragment", "cut off", "an echo reply", "a redirect", "another port", "another protocol"],
)
def test_the_rest_of_ipv4_does_not(packet):
    assert passed(filters.answers_ipv4(OUR_PORT), packet) is None


@pytest.mark.parametrize(
    "packet",
    [bytes(answer6("SA"))[:54], ADVERTISEMENT, answer6("SA", port=80), SYN6],
    ids=["cut off", "an advertisement", "another port", "our own"],
)
def test_the_rest_of_ipv6_does_not(packet):
    assert passed(filters.answers_ipv6(OUR_PORT), packet) is None


def test_a_long_packet_is_cut_to_what_a_slot_holds():
    assert (
        passed(filters.answers_ipv4(OUR_PORT), answer("SA") / bytes(1000))
        == bytes(answer("SA") / bytes(1000))[:PACKET_BYTES]
    )


def test_only_answers_of_neighbours_pass():
    request, reply = ARP(op="who-has"), ARP(op="is-at")
    assert passed(filters.arp_replies(), request) is None
    assert passed(filters.arp_replies(), reply) == bytes(reply)
    assert passed(filters.advertisements(), ADVERTISEMENT) == bytes(ADVERTISEMENT)
    assert passed(filters.advertisements(), answer6("SA")) is None
    assert passed(filters.advertisements(), IPv6(nh=58) / bytes(24)) is None
