"""Echo requests and replies, against scapy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6EchoReply

from secmon.checks.ports import echo

COOKIE = b"12345678"


def test_a_request_is_what_scapy_would_send():
    theirs = bytes(ICMP(type=8, id=0x1234, seq=0) / COOKIE)
    assert echo.request(4, 0x1234, COOKIE) == theirs


def test_replies_are_known():
    reply = ICMP(type=0, id=7) / COOKIE
    assert echo.is_reply(4, bytes(reply), COOKIE, raw=False)
    assert echo.is_reply(4, bytes(IP(src="192.0.2.1", dst="192.0.2.2", options=[]) / reply), COOKIE, raw=True)
    assert echo.is_reply(6, bytes(ICMPv6EchoReply(id=7, data=COOKIE)), COOKIE, raw=True)


@pytest.mark.parametrize(
    "data",
    [
        bytes(ICMP(type=8, id=7) / COOKIE),
        bytes(ICMP(type=3, code=1) / COOKIE),
        bytes(ICMP(type=0, id=7) / b"87654321"),
        bytes(ICMP(type=0, id=7) / COOKIE[:7]),
        b"",
    ],
)
def test_what_is_no_reply_to_this_run_is_not_taken_for_one(data: bytes):
    assert not echo.is_reply(4, data, COOKIE, raw=False)


@given(st.binary(max_size=80), st.booleans(), st.sampled_from([4, 6]))
def test_any_bytes_can_come(data: bytes, raw: bool, version: int):
    assert echo.is_reply(version, data, COOKIE, raw=raw) <= (COOKIE in data)
