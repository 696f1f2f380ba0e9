from __future__ import annotations

import re

import pytest

from secmon.core.cursor import (
    read_boolean,
    read_enum,
    read_integer,
    read_languages,
    read_list,
    read_number,
    read_parsed,
    read_text,
    read_word,
    show,
    start,
)
from secmon.core.model import Severity
from secmon.core.quantities import parse_duration
from tests.support.rulebook import read, told


def walk(text, reader):
    """Read the value of the key `a`; return it with the faults."""
    faults = []
    value = reader(start(read(f"a: {text}"), "f", faults).at("a"))
    return value, told(faults)


@pytest.mark.parametrize(
    ("text", "reader", "value"),
    [
        ("x", read_text, "x"),
        ("5", read_integer, 5),
        ("5", read_number, 5),
        ("5.5", read_number, 5.5),
        ("true", read_boolean, True),
        ("high", lambda cursor: read_enum(cursor, Severity), Severity.HIGH),
        ("vi", lambda cursor: read_word(cursor, ("vi", "en")), "vi"),
        ("[x, y]", lambda cursor: read_list(cursor, read_text), ("x", "y")),
        ("5m", lambda cursor: read_parsed(cursor, parse_duration), 300.0),
        ("{vi: a, en: b}", read_languages, {"vi": "a", "en": "b"}),
    ],
)
def test_right_values(text, reader, value):
    assert walk(text, reader) == (value, [])


@pytest.mark.parametrize(
    ("text", "reader", "fault"),
    [
        ("1.10", read_text, "text is wanted, not 1.1; quote it"),
        ("[x]", read_text, "text is wanted, not a list"),
        ("'  '", read_text, "it is empty"),
        (
            "x",
            lambda cursor: read_text(cursor, pattern=re.compile("y"), wanted="a y"),
            'a y is wanted, not "x"',
        ),
        ("true", read_integer, "a whole number is wanted, not true"),
        ("5", lambda cursor: read_integer(cursor, 6, 9), "5 is out of range; 6 to 9"),
        ("5", lambda cursor: read_integer(cursor, low=6), "5 is out of range; at least 6"),
        ("5.5", lambda cursor: read_number(cursor, high=5), "5.5 is out of range; at most 5"),
        ("false", read_number, "a number is wanted, not false"),
        ("null", read_boolean, "true or false is wanted, not null"),
        ("5", lambda cursor: read_word(cursor, ("vi", "en")), "5 is not known here; one of en, vi"),
        ("x", lambda cursor: read_list(cursor, read_text), 'a list is wanted, not "x"'),
        ("[]", lambda cursor: read_list(cursor, read_text, least=1), "the list is empty"),
        (
            "5x",
            lambda cursor: read_parsed(cursor, parse_duration),
            '"5x" cannot be read; a duration is a whole number and a unit: 30s, 5m, 1h, 1d',
        ),
    ],
)
def test_wrong_values(text, reader, fault):
    _, faults = walk(text, reader)
    assert faults == [f"f:1:4: a: {fault}"]


def test_what_a_list_can_read_is_kept():
    value, faults = walk("[x, 5, x, y]", lambda cursor: read_list(cursor, read_text))
    assert value == ("x", "y")
    assert faults == ["f:1:8: a[1]: text is wanted, not 5; quote it", 'f:1:11: a[2]: "x" stands twice']


def test_unknown_keys_are_told_at_the_key_and_the_rest_is_kept():
    faults = []
    cursor = start(read("agent: 1\nasett: 2"), "f", faults)
    fields = cursor.mapping(("agent", "asset"), ("asset",))
    assert list(fields) == ["agent"]
    assert told(faults) == [
        'f:2:1: asett: unknown key "asett"; did you mean asset?',
        "f:1:1: the key asset is missing",
    ]


def test_messages_show_values_short_and_safe():
    assert show("a" * 100) == '"' + "a" * 59 + '…"'
    assert show("\x1b[31m\u202e") == '"\\x1b[31m\\u202e"'
    assert [show(value) for value in (None, True, 1.5, {}, [])] == [
        "null",
        "true",
        "1.5",
        "a mapping",
        "a list",
    ]


def test_plain_values_have_the_place_of_their_document():
    faults = []
    start({"a": [{"b": 1}]}, "f", faults).at("a").items()[0].at("b").fault("wrong")
    assert told(faults) == ["f:1:1: a[0].b: wrong"]
