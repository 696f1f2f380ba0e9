from __future__ import annotations

import random

import pytest

from secmon.checks.ports.telnet import is_negotiation, refuse, visible

IAC, DONT, DO, WONT, WILL, SB, SE = b"\xff", b"\xfe", b"\xfd", b"\xfc", b"\xfb", b"\xfa", b"\xf0"
ECHO, SIZE = b"\x01", b"\x1f"


def test_every_option_is_refused():
    asked = IAC + DO + SIZE + IAC + WILL + ECHO + b"\r\nlogin: " + IAC + WONT + ECHO
    assert refuse(asked) == IAC + WONT + SIZE + IAC + DONT + ECHO
    assert visible(asked) == b"\r\nlogin: "
    assert is_negotiation(asked)


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (b"plain", b"plain"),
        (IAC + SB + SIZE + b"\x00\x50" + IAC + SE + b"hi", b"hi"),
        (IAC + SB + b"x" + IAC + IAC + b"y" + IAC + SE + b"hi", b"hi"),
        (b"a" + IAC + b"\xf1" + b"b", b"ab"),
        (b"a" + IAC, b"a"),
        (b"a" + IAC + DO, b"a"),
        (b"a" + IAC + SB + b"never ends", b"a"),
    ],
)
def test_commands_are_not_seen(data, seen):
    assert visible(data) == seen


def test_nothing_is_no_negotiation():
    assert not any(is_negotiation(data) for data in (b"", IAC, b"\xff\xd8\xff", b"\xff\xfe<\x00", b"login:"))


def test_answers_are_bounded_whatever_is_asked():
    assert len(refuse((IAC + DO + b"\x22") * 5000)) == 40 * 3


def test_no_bytes_break_it():
    source = random.Random(5)
    for _ in range(500):
        data = bytes(source.choice((255, 253, 251, 250, 240, 65)) for _ in range(60))
        assert set(refuse(data)[1::3]) <= {0xFC, 0xFE}
        assert len(visible(data)) <= len(data)
