from __future__ import annotations

import pytest

from secmon.core.model import Asset, Platform, Role
from secmon.core.references import ASSET_FIELDS, Reference, asset_value, literal, parse_reference, substitute

ASSET = Asset("web-01", "so-khcn", Platform.LINUX, 3, (Role.SERVER, Role.DATABASE))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$max_days", Reference("param", "max_days")),
        ("$fact.port", Reference("fact", "port")),
        ("$asset.level", Reference("asset", "level")),
        ("plain", None),
        ("$$money", None),
        (5, None),
        (None, None),
    ],
)
def test_references(text, expected):
    assert parse_reference(text) == expected


@pytest.mark.parametrize("text", ["$", "$1", "$A", "$fact.", "$fact.a.b", "$host.name", "$a b", "$a\n"])
def test_what_begins_like_a_reference_and_is_none(text):
    with pytest.raises(ValueError, match=r"\$fact.field"):
        parse_reference(text)


def test_two_dollars_are_one():
    assert literal("$$money") == "$money"
    assert literal("$$$") == "$$"
    assert literal(7) == 7


def test_every_attribute_of_an_asset_can_be_named():
    assert [asset_value(ASSET, name) for name in ASSET_FIELDS] == [
        3,
        ["server", "database"],
        "so-khcn",
        "web-01",
        "linux",
    ]


def test_only_fields_of_the_subject_are_left_open():
    operand = ["$low", "$fact.port", "$asset.level", "$$x", 7]
    assert substitute(operand, {"low": 1}, ASSET) == [1, Reference("fact", "port"), 3, "$x", 7]
