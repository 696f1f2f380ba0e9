from __future__ import annotations

import pytest

from secmon.core.contract import FieldType
from secmon.core.operators import OPERATORS, operators_for, parse_address, parse_network


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (FieldType.INTEGER, "eq ne in not_in lt le gt ge between exists not"),
        (FieldType.TIMESTAMP, "eq ne in not_in lt le gt ge between exists not"),
        (FieldType.TEXT, "eq ne in not_in exists glob prefix suffix cidr not"),
        (FieldType.ADDRESS, "eq ne in not_in exists glob prefix suffix cidr not"),
        (FieldType.DPKG_VERSION, "eq ne in not_in exists glob prefix suffix version_lt not"),
        (FieldType.BOOLEAN, "eq ne in not_in exists not"),
        (FieldType.TEXTS, "exists contains not some every"),
        (FieldType.RECORDS, "exists"),
    ],
)
def test_which_operators_apply_to_which_type(kind, expected):
    assert operators_for(kind) == expected.split()


def test_every_operator_of_the_format_is_there():
    names = {name for kind in FieldType for name in operators_for(kind)}
    assert names == {
        "eq",
        "ne",
        "in",
        "not_in",
        "lt",
        "le",
        "gt",
        "ge",
        "between",
        "exists",
        "glob",
        "prefix",
        "suffix",
        "cidr",
        "version_lt",
        "not",
        "contains",
        "some",
        "every",
    }


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_null_compares_with_eq_ne_in_not_in_and_exists_only(name):
    operand = {
        "pair": [1, 2],
        "list": ["x"],
        "boolean": True,
        "networks": "0.0.0.0/0",
        "version": "1",
    }.get(OPERATORS[name].operand, "x")
    assert OPERATORS[name].bind(operand)(None) is (name in {"ne", "not_in"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.1", "10.0.0.1/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::", "::/128"),
    ],
)
def test_networks(text, expected):
    assert str(parse_network(text)) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10.0.0.1/8", "is 10.0.0.0/8"),
        ("2001:db8::1/32", "is 2001:db8::/32"),
        ("10.0.0.0/33", "such as"),
        ("10.0.0", "such as"),
        ("", "such as"),
        ("host", "such as"),
    ],
)
def test_what_is_no_network(text, words):
    with pytest.raises(ValueError, match=words):
        parse_network(text)


def test_addresses_lose_their_zone_and_their_mapping():
    assert str(parse_address("fe80::1%eth0")) == "fe80::1"
    assert str(parse_address("::ffff:192.0.2.1")) == "192.0.2.1"
    with pytest.raises(ValueError, match="host"):
        parse_address("host")
