"""What `--ports` may say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secmon.checks.ports.portlist import parse


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("22", (22,)),
        ("443,22", (443, 22)),
        (" 22 , 80 ", (22, 80)),
        ("8000-8003,8001", (8000, 8001, 8002, 8003)),
        ("65535-65535", (65535,)),
        ("022", (22,)),
    ],
)
def test_ports_keep_their_order_and_lose_their_doubles(text, ports):
    assert parse(text) == ports


def test_all_is_every_port():
    assert parse("all") == tuple(range(1, 65536))


def test_top_is_about_a_thousand_ports_and_holds_what_the_rules_name():
    top = parse("top")
    assert 900 <= len(top) <= 1100
    assert len(set(top)) == len(top)
    wanted = {21, 22, 23, 25, 53, 80, 139, 443, 445, 512, 513, 514, 623, 664, 1433, 1521, 2121, 2323, 2375, 2379, 3050,
              3306, 3389, 4786, 5432, 5900, 5910, 5984, 6000, 6379, 7547, 8080, 8291, 8728, 8729, 9042, 9200, 9300,
              10255, 11211, 26379, 27017, 33060}  # fmt: skip
    assert wanted <= set(top)


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("", "''"),
        ("22,", "''"),
        ("22,,80", "''"),
        ("0", "'0'"),
        ("65536", "'65536'"),
        ("22,http", "'http'"),
        ("-5", "'-5'"),
        ("5-", "'5-'"),
        ("1-2-3", "'1-2-3'"),
        ("9-3", "write 3-9"),
        ("\u0662\u0662", "'\u0662\u0662'"),
        ("²", "'²'"),
        ("1e3", "'1e3'"),
        ("9" * 5000, "9…'"),
        ("22\x1b[2J", "x1b"),
        ("Top", "'Top'"),
    ],
)
def test_the_bad_item_is_named(text, item):
    with pytest.raises(ValueError, match=r"is no port|runs backwards") as caught:
        parse(text)
    assert item in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


@settings(deadline=None)
@given(st.text(alphabet="0123456789-, atol", max_size=30))
def test_any_text_gives_ports_or_a_value_error(text):
    try:
        ports = parse(text)
    except ValueError:
        return
    assert ports
    assert all(1 <= port <= 65535 for port in ports)
