"""Routes, links and neighbours: recorded answers of the kernel, and answers cut short."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.sources import routes
from secmon.sources.netlink import NetlinkError

# Recorded, Linux 6.18; eth0 is number 4.
THROUGH_ROUTER = bytes.fromhex(
    "02200000fe0000010002000008000f00fe00000008000100c6336407080004000400000008000700c000020208000500c0000201"
    "080019000000000024000c0002000000d8010000000000000000000000000000000000000000000000000000"
)
DIRECT6 = bytes.fromhex(
    "0a808000fe0200010000000008000f00fe00000014000100fd00000000000000000000000000007714000200000000000000000000"
    "0000000000000014000700fd000000000000000000000000000002080006000001000008000400040000002400"
    "0c0002000000000000000000000000000000000000000000000000000000000000000500140000000000"
)
TO_ITSELF = bytes.fromhex(
    "02200000fe0000020002008008000f00fe000000080001007f0000010800040001000000080007007f000001080019000000000024"
    "000c005a000000b8130000000000000000000000000000000000000000000000000000"
)
PROBED = bytes.fromhex(
    "02000000040000000800000108000100c00002010a00020002fc00000005000008000400010000001400030016400000d8010000"
    "d801000002000000"
)


def attribute(kind: int, value: bytes) -> bytes:
    data = struct.pack("=HH", 4 + len(value), kind) + value
    return data + bytes(-len(data) % 4)


def raw(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def route(kind: int, *attributes: tuple[int, bytes]) -> bytes:
    return struct.pack("=8BI", 2, 32, 0, 0, 254, 0, 0, kind, 0) + b"".join(
        attribute(*each) for each in attributes
    )


def test_a_route_through_a_router():
    assert routes.parse_route(THROUGH_ROUTER, raw("198.51.100.7")) == routes.Route(
        interface=4, source=raw("192.0.2.2"), next_hop=raw("192.0.2.1"), plain=True
    )


def test_a_route_to_a_neighbour():
    assert routes.parse_route(DIRECT6, raw("fd00::77")) == routes.Route(
        interface=4, source=raw("fd00::2"), next_hop=raw("fd00::77"), plain=True
    )


def test_this_host_itself_has_no_route():
    assert routes.parse_route(TO_ITSELF, raw("127.0.0.1")) is None


@pytest.mark.parametrize(
    "kind", [3, 5, 6, 7, 8], ids=["broadcast", "multicast", "blackhole", "unreachable", "prohibit"]
)
def test_only_unicast_is_a_route(kind):
    there = ((4, struct.pack("=I", 4)), (7, raw("192.0.2.2")))
    assert routes.parse_route(route(1, *there), raw("192.0.2.9")) is not None
    assert routes.parse_route(route(kind, *there), raw("192.0.2.9")) is None


def test_a_tunnel_and_a_router_of_the_other_family_are_told():
    there = ((4, struct.pack("=I", 4)), (7, raw("192.0.2.2")))
    assert not routes.parse_route(route(1, *there, (22, b"\0\0\0\0")), raw("192.0.2.9")).plain
    via = routes.parse_route(route(1, *there, (18, struct.pack("=H", 10) + raw("fe80::1"))), raw("192.0.2.9"))
    assert via.next_hop == raw("fe80::1")


def test_without_interface_or_source_there_is_no_route():
    assert routes.parse_route(route(1, (7, raw("192.0.2.2"))), raw("192.0.2.9")) is None
    assert routes.parse_route(route(1, (4, struct.pack("=I", 4))), raw("192.0.2.9")) is None


def test_a_link():
    payload = (
        struct.pack("=BxHiII", 0, 1, 4, 0x80 | 0x1, 0) + attribute(1, bytes(6)) + attribute(3, b"eth0\0")
    )
    assert routes.parse_link(payload) == routes.Link(4, "eth0", routes.ETHERNET, bytes(6), routes.NO_ARP | 1)


def test_a_neighbour_counts_only_while_it_is_sure():
    assert routes.parse_neighbour(PROBED) == b"", "its state is DELAY"
    link = bytes.fromhex("02fc00000005")
    for state, expected in ((0x02, link), (0x80, link), (0x04, b""), (0x20, b""), (0x01, b"")):
        assert routes.parse_neighbour(PROBED[:8] + struct.pack("=H", state) + PROBED[10:]) == expected


@given(data=st.binary(max_size=80), start=st.sampled_from([b"", THROUGH_ROUTER[:40], PROBED[:20]]))
def test_nothing_but_a_netlink_error_is_raised(data, start):
    for parse in (
        lambda payload: routes.parse_route(payload, raw("192.0.2.9")),
        routes.parse_link,
        routes.parse_neighbour,
    ):
        try:
            parse(start + data)
        except NetlinkError:
            continue
