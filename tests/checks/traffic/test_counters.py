"""The kernel's tables of interfaces and routes, recorded; and what a blind capture is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.checks.traffic.counters import Counters, Routes, is_blind, parse_counters, parse_routes
from tests.checks.traffic.packets import ip

DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  285042     571    0    0    0     0          0         0   285042     571    0    0    0     0       0          0
  eth0: 4913241    5210    0    0    0     0          0         0   602115    4200    0    0    0     0       0          0
br-12:abc:0        1    0    0    0     0          0         0   2    3    0    0    0     0       0          0
"""
ROUTE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wlan0\t00000000\t0103A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
eth1\t0000000A\t0202A8C0\t0003\t0\t0\t0\t000000FF\t0\t0\t0
"""


def test_counters_of_every_interface():
    counters = parse_counters(DEV)
    assert counters["eth0"] == Counters(9410, 5515356, 5210, 4913241)
    assert counters["lo"] == Counters(1142, 570084, 571, 285042)


def test_the_default_route_with_the_lowest_metric_and_all_gateways():
    gateways = frozenset(map(ip, ("192.168.3.1", "192.168.1.1", "192.168.2.2")))
    assert parse_routes(ROUTE) == Routes("eth0", gateways)


def test_a_host_without_routes_has_no_default():
    assert parse_routes(ROUTE.splitlines()[0]) == Routes("", frozenset())


@given(st.text(max_size=200))
def test_other_text_raises_nothing(text):
    parse_counters(text)


@pytest.mark.parametrize(
    ("counted", "size", "frames", "seen", "blind"),
    [
        (0, 0, 0, 0, False),  # a quiet link
        (60, 6000, 0, 0, False),  # what may pass before the capture begins
        (10_000, 9_000_000, 0, 0, True),
        (10_000, 9_000_000, 9_990, 8_990_000, False),
        (10_000, 9_000_000, 700, 8_500_000, False),  # receive offload: few large frames
        (10_000, 9_000_000, 4_000, 1_000_000, True),
        (0, 0, 5_000, 400_000, False),  # a driver that counts late
    ],
)
def test_blindness(counted, size, frames, seen, blind):
    before = Counters(100, 1000, 50, 500)
    after = Counters(100 + counted, 1000 + size, 50, 500)
    assert is_blind(before, after, frames, seen, loopback=False) is blind


def test_on_the_loopback_each_frame_is_counted_twice_and_seen_once():
    before, after = Counters(0, 0, 0, 0), Counters(2000, 200_000, 1000, 100_000)
    assert not is_blind(before, after, 1000, 100_000, loopback=True)
    assert is_blind(before, after, 400, 40_000, loopback=True)
