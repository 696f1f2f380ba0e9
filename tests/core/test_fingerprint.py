from __future__ import annotations

import re

import pytest

from secmon.core.fingerprint import Fingerprint, Match, bind_cpe, fill, quote_cpe


def make(pattern, **more):
    return Fingerprint("f.yml:1", "ssh", re.compile(pattern, re.MULTILINE), **{"product": "P", **more})


def test_groups_fill_product_version_and_cpe():
    known = make(
        r"^(?P<model>\w+)_(?P<version>\d[\d.]*)(?P<update>p\d)?",
        product="Thing {model}",
        vendor="Example",
        version="{version}{update}",
        cpe="cpe:2.3:a:example:thing:{version}:{update}",
        service="thing",
        management=True,
    )
    assert known.match("X1_2.3p4 rest") == Match(
        "Thing X1", "Example", "2.3p4", "cpe:2.3:a:example:thing:2.3:p4:*:*:*:*:*:*", "thing", management=True
    )
    assert known.match("X1_2.3").cpe == "cpe:2.3:a:example:thing:2.3:*:*:*:*:*:*:*"
    assert known.match("other") is None


def test_what_is_not_said_is_none():
    assert make("^a").match("a") == Match("P", None, None, None, None, management=False)
    assert make("^a(?P<version>[0-9]*)", version="{version}").match("a").version is None


def test_the_pattern_may_begin_at_any_line_and_sees_1024_characters():
    assert make("^b").match("a\nb")
    assert make("^a").match("ba") is None
    assert make("^x*$").match("x" * 2000)
    assert make("^x*y").match("x" * 1024 + "y") is None


def test_a_group_that_matched_nothing_leaves_no_blank():
    assert make(r"^Vigor ?(?P<model>\d+)?", product="Vigor {model}").match("Vigor").product == "Vigor"
    assert fill("{a}-{b}", {"a": "1"}) == "1-"


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("1.2.3-rc_1", "1.2.3-rc_1"),
        ("15.0(2)SE11", r"15.0\(2\)se11"),
        ("4.2.8p15@1.3728-o", r"4.2.8p15\@1.3728-o"),
        ("a:b*c?d", r"a\:b\*c\?d"),
        ("Series  2", "series_2"),
        ("-", r"\-"),
        ("é\x01", ""),
    ],
)
def test_components_of_a_cpe_are_quoted(value, quoted):
    assert quote_cpe(value) == quoted


def test_a_cpe_has_eleven_components():
    assert bind_cpe("cpe:2.3:o:example:os", {}).split(":")[2:] == ["o", "example", "os", *["*"] * 8]
