from __future__ import annotations

import json

import pytest

from secmon.core.profiles import load_profiles
from secmon.core.rulerows import outcomes_row, pick, rule_row
from secmon.core.rules import load_rules, rule_ids
from tests.support.rulebook import REGISTRY, read, rule, told

BODY = """\
params: {limit: {type: integer, unit: ports, default: 10, level_4: 6, tighten: down}}
require: {port: {lt: $limit}}
maps: {cis-8: ["4.8", {section: "12", status: unconfirmed}], nist-800-53: [AC-2(1)]}
tests:
  - {name: low, facts: {port: 5}, expect: pass}
  - {name: wrong, facts: {port: 5}, expect: fail}
"""
DOCUMENTS = [
    ("a.yml", rule(BODY, file="a.yml")),
    ("b.yml", rule("require: never", name="tls.b", kind="certificate", severity="low", file="b.yml")),
]
RULES, FAULTS = load_rules(DOCUMENTS, REGISTRY)
PROFILES, MORE = load_profiles(
    [
        ("p", read(f"profile: {{name: {name}, vantage: inside, why: {{vi: a, en: b}}}}\nrules: {lines}"))
        for name, lines in (
            ("all", "[{use: '*'}]"),
            ("some", "[{use: '*'}, {use: tls.b, enabled: false, reason: R}]"),
        )
    ],
    RULES,
    rule_ids(DOCUMENTS),
    REGISTRY,
)
LISTED = {"rules": [rule_row(rule, PROFILES) for rule in RULES], "profiles": ["all", "some"]}


def picked(**more):
    wanted = {"check": "", "severity": "", "profile": "", "framework": ""} | more
    return [row["id"] for row in pick(LISTED, **wanted)]


def test_a_row_holds_what_a_reader_asks_for():
    assert told([*FAULTS, *MORE]) == []
    row = LISTED["rules"][0]
    assert json.loads(json.dumps(row)) == row
    assert (row["id"], row["severity"], row["profiles"], row["tests"]) == (
        "ports.a",
        "high",
        ["all", "some"],
        2,
    )
    assert (row["file"], row["line"], row["column"]) == ("a.yml", 2, 5)
    assert row["params"]["limit"] == {
        "type": "integer",
        "unit": "ports",
        "default": 10,
        "tighten": "down",
        "local": False,
        "level_4": 6,
    }


def test_tests_tell_what_failed_and_what_is_lacking():
    row = outcomes_row(RULES, REGISTRY)
    assert (row["rules"], row["cases"]) == (2, 2)
    assert row["failures"] == [
        {
            "rule": "ports.a",
            "case": "wrong",
            "expected": "fail",
            "got": "pass",
            "file": "a.yml",
            "line": 13,
            "column": 9,
        }
    ]
    assert [(item["rule"], item["lacks"]) for item in row["lacking"]] == [
        ("ports.a", ["unknown"]),
        ("tls.b", ["not_applicable", "fail", "unknown"]),
    ]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({}, ["ports.a", "tls.b"]),
        ({"check": "tls"}, ["tls.b"]),
        ({"severity": "high"}, ["ports.a"]),
        ({"profile": "some"}, ["ports.a"]),
        ({"framework": "cis-8"}, ["ports.a"]),
        ({"framework": "cis-8:4"}, ["ports.a"]),
        ({"framework": "cis-8:4.8"}, ["ports.a"]),
        ({"framework": "cis-8:1"}, []),
        ({"framework": "cis-8:12"}, ["ports.a"]),
        ({"framework": "nist-800-53:AC-2"}, ["ports.a"]),
        ({"framework": "nist-800-53:AC-21"}, []),
        ({"check": "tls", "severity": "high"}, []),
    ],
)
def test_rules_are_picked_by_what_they_are(wanted, ids):
    assert picked(**wanted) == ids


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"profile": "al"}, "al is no profile; did you mean all?"),
        ({"framework": "cis-9"}, "no rule maps to cis-9; did you mean cis-8?"),
        ({"framework": "cis-8:"}, "cis-8: names no section; write cis-8:SECTION, or cis-8 for all"),
    ],
)
def test_a_name_that_nobody_has_is_an_error(wanted, message):
    with pytest.raises(ValueError, match=r".") as error:
        picked(**wanted)
    assert str(error.value) == message
