"""Frames packed by hand equal those that scapy builds, checksums included."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

from secmon.checks.ports.segments import Cookies, Template, arp_request, neighbour_solicitation

NEAR, FAR = "02:00:00:00:00:01", "02:00:00:00:00:02"
LINK = (bytes.fromhex(FAR.replace(":", "")), bytes.fromhex(NEAR.replace(":", "")))
PAIRS = {
    4: ("192.0.2.1", "198.51.100.9", IP(src="192.0.2.1", dst="198.51.100.9", id=0, flags="DF", ttl=64), 1460),
    6: ("2001:db8::1", "2001:db8:9::7", IPv6(src="2001:db8::1", dst="2001:db8:9::7", hlim=64), 1440),
}
KEY = bytes(range(16))


def raw(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def ours(version: int, source_port: int, port: int, number: int) -> bytes:
    source, destination, *_ = PAIRS[version]
    template = Template(LINK, raw(source), raw(destination), source_port)
    return bytes(template.burst([port], [number]))


def theirs(version: int, source_port: int, port: int, number: int) -> bytes:
    *_, header, mss = PAIRS[version]
    segment = TCP(sport=source_port, dport=port, seq=number, flags="S", window=1024, options=[("MSS", mss)])
    return bytes(Ether(src=NEAR, dst=FAR) / header / segment)


@settings(deadline=None)
@given(
    version=st.sampled_from([4, 6]),
    source_port=st.integers(1, 65535),
    port=st.integers(1, 65535),
    number=st.integers(0, 2**32 - 1),
)
def test_a_syn_is_what_scapy_builds(version, source_port, port, number):
    assert ours(version, source_port, port, number) == theirs(version, source_port, port, number)


@pytest.mark.parametrize("version", [4, 6])
def test_the_checksum_zero_is_what_scapy_writes(version):
    """Ones' complement has two zeros; of 65,535 successive numbers one meets them."""
    source, destination, *_ = PAIRS[version]
    template = Template(LINK, raw(source), raw(destination), 61000)
    at = {4: 14 + 20, 6: 14 + 40}[version] + 16
    frames = template.burst([443] * 65535, range(65535))
    checksums = [frames[start : start + 2] for start in range(at, len(frames), template.size)]
    met = [number for number, checksum in enumerate(checksums) if checksum in (b"\0\0", b"\xff\xff")]
    assert len(met) == 1
    assert ours(version, 61000, 443, met[0]) == theirs(version, 61000, 443, met[0])


def test_a_burst_is_one_frame_after_the_other():
    source, destination, *_ = PAIRS[4]
    template = Template(LINK, raw(source), raw(destination), 61000)
    ports, numbers = [65535, 1, 443], [2**32 - 1, 0, 77]
    expected = [theirs(4, 61000, port, number) for port, number in zip(ports, numbers, strict=True)]
    assert template.burst(ports, numbers) == b"".join(expected)
    assert {len(frame) for frame in expected} == {template.size}
    assert template.burst([], []) == b""


def test_cookies_depend_on_key_address_and_port():
    def numbers(key: bytes, address: str) -> list[int]:
        made = Cookies(key)
        secret = made.secret(raw(address))
        return [word ^ secret for word in made.words]

    first = numbers(KEY, "192.0.2.1")
    assert len(first) == 65536
    assert first == numbers(KEY, "192.0.2.1"), "the answer to a SYN must be known again"
    assert len(set(first)) > 65500
    assert set(first[:100]).isdisjoint(numbers(KEY, "192.0.2.2")[:100])
    assert set(first[:100]).isdisjoint(numbers(bytes(16), "192.0.2.1")[:100])
    assert max(number.bit_length() for number in first) == 29
    for bit in range(29):
        assert 0.45 < sum(number >> bit & 1 for number in first) / 65536 < 0.55, "each bit is a coin's throw"


def test_an_arp_request_is_what_scapy_builds():
    expected = Ether(src=NEAR, dst="ff:ff:ff:ff:ff:ff") / ARP(
        op="who-has", hwsrc=NEAR, psrc="192.0.2.1", hwdst="00:00:00:00:00:00", pdst="192.0.2.9"
    )
    assert arp_request(LINK[1], raw("192.0.2.1"), raw("192.0.2.9")) == bytes(expected)


@settings(deadline=None)
@given(target=st.integers(0, 2**64 - 1))
def test_a_neighbour_solicitation_is_what_scapy_builds(target):
    address = raw("2001:db8::")[:8] + target.to_bytes(8, "big")
    group = raw("ff02::1:ff00:0")[:13] + address[-3:]
    expected = (
        Ether(src=NEAR, dst="33:33:" + group[-4:].hex(":"))
        / IPv6(src="2001:db8::1", dst=socket.inet_ntop(socket.AF_INET6, group), hlim=255)
        / ICMPv6ND_NS(tgt=socket.inet_ntop(socket.AF_INET6, address))
        / ICMPv6NDOptSrcLLAddr(lladdr=NEAR)
    )
    assert neighbour_solicitation(LINK[1], raw("2001:db8::1"), address) == bytes(expected)
