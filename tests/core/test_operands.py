from __future__ import annotations

import pytest

from secmon.core.contract import FieldType
from secmon.core.cursor import start
from secmon.core.operands import PATTERN_LIMIT, check_constant, group_of
from secmon.core.operators import OPERATORS
from tests.support.rulebook import LISTENER, read, told


def faults_of(operator, name, text):
    faults = []
    cursor = start(read(f"x: {text}"), "f", faults).at("x")
    check_constant(cursor, OPERATORS[operator], LISTENER.field(name))
    return [line.removeprefix("f:1:4: x: ") for line in told(faults)]


@pytest.mark.parametrize(
    ("operator", "name", "text"),
    [
        ("eq", "port", "null"),
        ("eq", "user", "''"),
        ("eq", "load", "1"),
        ("lt", "port", "1.5"),
        ("in", "wanted", "[true, null]"),
        ("in", "port", "[$x, 5]"),
        ("between", "load", "[$x, 1]"),
        ("between", "port", "[1, 1]"),
        ("cidr", "address", "[$x, '::/0']"),
        ("glob", "user", "'*'"),
        ("prefix", "user", f"{'a' * PATTERN_LIMIT}"),
        ("version_lt", "version", "'1:2.0~rc1-1'"),
        ("eq", "address", "'fe80::1%eth0'"),
        ("contains", "names", "a"),
    ],
)
def test_right_constants(operator, name, text):
    assert faults_of(operator, name, text) == []


@pytest.mark.parametrize(
    ("operator", "name", "text", "expected"),
    [
        ("lt", "port", "null", "a number is wanted, not null"),
        ("eq", "port", "1.5", "a whole number is wanted, not 1.5"),
        ("eq", "port", "'+5'", 'a number is wanted, not "+5"; remove the quotes'),
        ("eq", "port", "022", 'a number is wanted, not "022"; write it without the zero in front'),
        ("eq", "port", "'0'", 'a number is wanted, not "0"; remove the quotes'),
        ("eq", "port", "x", 'a number is wanted, not "x"'),
        ("between", "port", "5", "a list is wanted, not 5"),
        ("in", "user", "x", 'a list is wanted, not "x"; write [x]'),
        ("in", "user", "{}", "a list is wanted, not a mapping"),
        ("cidr", "address", "5", "text is wanted, not 5; quote it"),
        ("eq", "version", "''", "it is empty"),
        ("contains", "names", "null", "text is wanted, not null"),
        ("eq", "address", "host", 'an address is wanted, not "host"'),
    ],
)
def test_wrong_constants(operator, name, text, expected):
    assert faults_of(operator, name, text) == [expected]


def test_versions_say_what_is_wrong_with_them():
    (only,) = faults_of("version_lt", "version", "a b")
    assert only.startswith('a Debian version is wanted, not "a b"; ')


def test_every_type_has_a_group():
    assert {group_of(kind) for kind in FieldType} == {"text", "number", "boolean", "texts", "records"}
