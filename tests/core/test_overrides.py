from __future__ import annotations

import pytest

from secmon.core.model import Severity
from secmon.core.overrides import load_overrides
from secmon.core.rules import load_rules, rule_ids
from tests.support.rulebook import REGISTRY, read, rule, told

RULES = [
    ("r", rule("require: {port: {lt: $limit}}\nparams: {limit: {type: integer, default: 10, tighten: down}}"))
]


def load(text, *, known=True):
    rules, _ = load_rules(RULES, REGISTRY)
    return load_overrides([("o", read(text))], rules, rule_ids(RULES) if known else None, REGISTRY)


def test_an_override_is_read_whole():
    (only,), faults = load(
        "overrides:\n  - {match: {unit: so-tai-chinh, asset: web-01}, rule: 'ports.*', params: {limit: 5}, severity: critical, reason: R}"
    )
    assert told(faults) == []
    assert (only.unit, only.asset, only.pattern, only.params) == (
        "so-tai-chinh",
        "web-01",
        "ports.*",
        {"limit": 5},
    )
    assert (only.severity, only.reason, str(only.place)) == (Severity.CRITICAL, "R", "o:2:5")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            "{match: {unit: u}, rule: ports.a, reason: R}",
            "1:13: overrides[0]: it changes nothing; give params or severity",
        ),
        (
            "{match: {}, rule: ports.a, severity: high, reason: R}",
            "1:21: overrides[0].match: an empty match would be for everything; give unit or asset",
        ),
        (
            "{match: {unti: u}, rule: ports.a, severity: high, reason: R}",
            '1:22: overrides[0].match.unti: unknown key "unti"; did you mean unit?',
        ),
        (
            "{match: {unit: u}, rule: ports.b, severity: high, reason: R}",
            '1:38: overrides[0].rule: no rule is named "ports.b"; did you mean ports.a?',
        ),
        (
            "{match: {unit: u}, rule: ports.a, severity: high}",
            "1:13: overrides[0]: the key reason is missing",
        ),
        (
            "{match: {unit: u}, rule: ports.a, params: {limit: x}, reason: R}",
            '1:63: overrides[0].params.limit: a whole number is wanted, not "x"',
        ),
        (
            "{match: {unit: u}, rule: ports.a, enabled: false, severity: high, reason: R}",
            '1:47: overrides[0].enabled: unknown key "enabled"; one of match, params, reason, rule, severity',
        ),
        ("5", "1:13: overrides[0]: a mapping is wanted, not 5"),
    ],
)
def test_a_wrong_override_says_what_would_be_right(entry, expected):
    overrides, faults = load(f"overrides: [{entry}]")
    assert overrides == []
    assert told(faults) == [f"o:{expected}"]


def test_rules_that_are_not_here_may_be_named():
    entry = "overrides: [{match: {unit: u}, rule: ports.b, severity: high, reason: R}]"
    assert load(entry, known=False)[1] == []


def test_a_file_of_something_else():
    assert 'o:1:1: rules: unknown key "rules"; one of overrides' in told(load("rules: []")[1])


ONE = "{match: {unit: u}, rule: ports.a, params: {limit: 5}, severity: high, reason: R}"


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (
            "{match: {unit: u}, rule: ports.a, params: {limit: 4}, reason: R}",
            [
                "o:3:5: ports.a.params.limit: 4 contradicts 5, given for the same at o:2:5; keep one of the two"
            ],
        ),
        (
            "{match: {unit: u}, rule: ports.a, severity: critical, reason: R}",
            [
                (
                    'o:3:5: ports.a.severity: "critical" contradicts "high", given for the same at o:2:5; '
                    "keep one of the two"
                )
            ],
        ),
        ("{match: {unit: u}, rule: ports.a, params: {limit: 5}, severity: high, reason: again}", []),
        ("{match: {unit: v}, rule: ports.a, params: {limit: 4}, reason: R}", []),
        (
            "{match: {unit: u, asset: a}, rule: ports.a, params: {limit: 4}, reason: stricter for one asset}",
            [],
        ),
        ("{match: {unit: u}, rule: 'ports.*', params: {limit: 4}, reason: all of them}", []),
    ],
)
def test_two_overrides_may_not_contradict_each_other(other, expected):
    _, faults = load(f"overrides:\n  - {ONE}\n  - {other}\n")
    assert told(faults) == expected


def test_contradictions_are_seen_across_files():
    rules, _ = load_rules(RULES, REGISTRY)
    other = "{match: {unit: u}, rule: ports.a, params: {limit: 4}, reason: R}"
    documents = [(name, read(f"overrides:\n  - {item}\n")) for name, item in (("x", ONE), ("y", other))]
    _, faults = load_overrides(documents, rules, rule_ids(RULES), REGISTRY)
    assert told(faults) == [
        "y:2:5: ports.a.params.limit: 4 contradicts 5, given for the same at x:2:5; keep one of the two"
    ]
