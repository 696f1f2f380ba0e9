from __future__ import annotations

import pytest

from secmon.core.packcontent import load_content, use_of
from tests.support.rulebook import REGISTRY, read, rule, told


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("rules: []", "rules"),
        ("profile: {}\nrules: []", "rules"),
        ("overrides: []", "overrides"),
        ("waivers: []", "waivers"),
        ("rules: []\nwaivers: []", "rules"),
        ("", "rules"),
        ("[waivers]", "rules"),
        ("waivers", "rules"),
    ],
)
def test_the_top_key_says_what_a_document_holds(text, use):
    assert use_of(read(text)) == use


def test_everything_is_read_and_every_fault_is_told():
    content = load_content(
        [
            ("r", rule("require: never")),
            ("p", read("profile: {name: a, vantage: inside, why: {vi: a, en: b}}\nrules: [{use: ports.b}]")),
        ],
        [("o", read("overrides: [{match: {unit: so}, rule: ports.b, severity: high, reason: R}]"))],
        [("w", read("waivers: [{id: W-1}]"))],
        REGISTRY,
        0.0,
    )
    assert [rule.id for rule in content.rules] == ["ports.a"]
    assert content.ids == {"ports.a"}
    assert {line.partition(":")[0] for line in told(content.faults)} == {"p", "o", "w"}
    assert (content.overrides, content.waivers) == ((), ())
