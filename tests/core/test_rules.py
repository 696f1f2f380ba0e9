from __future__ import annotations

import pytest

from secmon.core.codec import decode, encode
from secmon.core.model import Severity
from secmon.core.rule import Rule
from secmon.core.rules import is_profile, load_rules, rule_ids
from tests.support.rulebook import REGISTRY, TEXTS, read, rule, told


def load(*documents):
    return load_rules(
        [(f"f{number}.yml", document) for number, document in enumerate(documents, 1)], REGISTRY
    )


def faults_of(body, **more):
    rules, faults = load(rule(body, **more))
    assert not (rules and faults)
    return [line.removeprefix("f1.yml:") for line in told(faults)]


def test_a_rule_is_read_whole():
    rules, faults = load(
        rule(
            """
params: {allow: {type: predicates, local: true}, limit: {type: integer, unit: days, default: 30, level_3: 14, tighten: down}}
where: {scope: exposed, proto: {in: [tcp]}}
require: {listed_in: $allow, age_days: {le: $limit}}
maps: {nist-800-53: [CM-7], cis-8: ["4.8"], tcvn-14423-2026: [{section: "4.5.2.1", status: unconfirmed}]}
"""
        )
    )
    assert told(faults) == []
    (only,) = rules
    assert (only.id, only.check, only.kind, only.severity) == ("ports.a", "ports", "listener", Severity.HIGH)
    assert only.title == {"vi": "Tên", "en": "Title"}
    assert only.where == {"scope": "exposed", "proto": {"in": ["tcp"]}}
    assert only.require == {"listed_in": "$allow", "age_days": {"le": "$limit"}}
    assert str(only.place) == "f1.yml:2:5"
    allow, limit = only.params
    assert (allow.type, allow.local, allow.default) == ("predicates", True, None)
    assert (limit.default, limit.levels, limit.tighten, limit.unit) == (30, {3: 14}, "down", "days")
    assert type(only.where) is dict, "places stay in the loader"
    assert decode(Rule, encode(only)) == only


@pytest.mark.parametrize(
    ("body", "never", "count"),
    [
        ("require: never", True, None),
        ("count: {le: 2}", False, {"le": 2}),
        ("count: 2", False, {"eq": 2}),
        ("require: {port: 1}", False, None),
    ],
)
def test_the_three_verdicts(body, never, count):
    (only,), faults = load(rule(body))
    assert not faults
    assert (only.never, only.count) == (never, count)
    assert (only.require is None) == (never or count is not None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("wher: {}\nrequire: never", '8:5: rules[0].wher: unknown key "wher"; did you mean where?'),
        (
            "where: {port: 1}",
            "2:5: rules[0]: a rule needs require or count; write require: {...}, require: never, or count: {...}",
        ),
        ("require: never\ncount: 1", "2:5: rules[0]: a rule has require or count, not both; remove one"),
        (
            "require: nevr",
            '8:14: rules[0].require: "nevr" is not known here; write never, or a mapping of fields',
        ),
        ("require: 5", "8:14: rules[0].require: a mapping of fields is wanted, not 5"),
        (
            "require: never\nmaps: {cis-8: [4.8]}",
            "9:20: rules[0].maps.cis-8[0]: text is wanted, not 4.8; quote it",
        ),
        (
            "require: never\nmaps: {CIS 8: [x]}",
            '9:19: rules[0].maps.CIS 8: "CIS 8" cannot name a framework; use lower-case letters, digits and hyphens',
        ),
        ("require: never\nmaps: {cis-8: []}", "9:19: rules[0].maps.cis-8: the list is empty"),
        (
            "require: never\nmaps: {cis-8: [{section: '1', status: sure}]}",
            '9:43: rules[0].maps.cis-8[0].status: "sure" is not known here; one of confirmed, unconfirmed',
        ),
        (
            "require: never\nparams: {a: {type: integer, default: 1}}",
            "9:14: rules[0].params.a: $a is never used; remove it",
        ),
        (
            "require: {port: $a}\nparams: {a: {type: int, default: 1}}",
            '9:24: rules[0].params.a.type: "int" is not known here; one of boolean, integer, number, predicates, text, texts',
        ),
        (
            "require: {port: $a}\nparams: {a: {type: integer, default: x}}",
            '9:42: rules[0].params.a.default: a whole number is wanted, not "x"',
        ),
        (
            "require: {port: $a}\nparams: {a: {type: integer, levl_3: 1}}",
            '9:33: rules[0].params.a.levl_3: unknown key "levl_3"; did you mean level_3?',
        ),
        (
            "require: {port: $a}\nparams: {a: 5}",
            "9:17: rules[0].params.a: a mapping with type and default is wanted, not 5",
        ),
        (
            "require: {user: $a}\nparams: {a: {type: text, tighten: up}}",
            "9:39: rules[0].params.a.tighten: a parameter of type text has no stricter side; only numbers have one",
        ),
        (
            "require: {port: 1}\nparams: {A: {type: text}}",
            '9:17: rules[0].params.A: "A" cannot be a name; use lower-case letters, digits and _',
        ),
        (
            "require: {proto: $a}\nparams: {a: {type: text, default: tpc}}",
            '9:39: rules[0].params.a.default: "tpc" is not known here; did you mean tcp?',
        ),
        (
            "require: {address: {cidr: $a}}\nparams: {a: {type: texts, level_4: [10.0.0.1/8]}}",
            '9:41: rules[0].params.a.level_4[0]: "10.0.0.1/8" cannot be read; the network of that address is 10.0.0.0/8',
        ),
        (
            "require: {listed_in: $a}\nparams: {a: {type: predicates, default: [{prt: 1}]}}",
            '9:47: rules[0].params.a.default[0].prt: the kind listener has no field "prt"; did you mean port?',
        ),
    ],
)
def test_a_wrong_rule_says_what_would_be_right(body, expected):
    assert faults_of(body) == [expected]


def test_a_list_that_a_site_fills_may_be_empty():
    body = (
        "require: {address: {cidr: $nets}, user: {in: $users}}\nparams: {nets: {type: texts, default: []}, "
    )
    assert faults_of(f"{body}users: {{type: texts, default: []}}}}") == []


def test_wrong_heads():
    assert faults_of("require: never", name="ports.Telnet") == [
        '2:9: rules[0].id: CHECK.NAME in lower-case letters, digits and hyphens is wanted, not "ports.Telnet"'
    ]
    assert faults_of("require: never", severity="hihg") == [
        '4:15: rules[0].severity: "hihg" is not known here; did you mean high?'
    ]
    assert faults_of("require: never", kind="listner") == [
        '5:15: rules[0].for_each: the check ports has no kind "listner"; did you mean listener?'
    ]
    assert faults_of("require: never", name="prts.a") == [
        '3:12: rules[0].check: "prts" is not known here; did you mean ports?'
    ]


def test_an_id_begins_with_its_check():
    document = read(
        f"rules:\n  - id: tls.a\n    check: ports\n    severity: low\n    for_each: listener\n    require: never\n    {TEXTS}"
    )
    assert told(load(document)[1]) == [
        'f1.yml:2:9: rules[0].id: "tls.a" does not begin with its check; write ports.NAME'
    ]


def test_both_languages_are_compulsory():
    document = read(
        "rules:\n  - {id: ports.a, check: ports, severity: low, for_each: listener, require: never, title: {vi: Tên}, fix: {vi: '', en: 5}}"
    )
    assert told(load(document)[1]) == [
        "f1.yml:2:91: rules[0].title: the key en is missing",
        "f1.yml:2:112: rules[0].fix.vi: it is empty",
        "f1.yml:2:120: rules[0].fix.en: text is wanted, not 5; quote it",
    ]


def test_missing_keys_are_all_named():
    faults = told(load(read("rules: [{id: ports.a}]"))[1])
    missing = [line.rsplit("the key ", 1)[1] for line in faults if "is missing" in line]
    assert missing == [f"{key} is missing" for key in ("check", "severity", "for_each", "title", "fix")]


def test_ids_are_unique_over_files_and_both_places_are_named():
    rules, faults = load(rule("require: never"), rule("require: never"))
    assert len(rules) == 2, "the second is read too, for its other faults"
    assert told(faults) == [
        'f2.yml:2:9: rules[0].id: the id "ports.a" stands twice; it stands at f1.yml:2:9 already'
    ]


def test_one_faulty_rule_hides_no_other():
    good, bad = rule("require: never", name="ports.b"), rule("require: nevr")
    rules, faults = load(bad, good)
    assert [item.id for item in rules] == ["ports.b"]
    assert len(faults) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rules: 5", "f1.yml:1:8: rules: a list is wanted, not 5"),
        ("rules: [5]", "f1.yml:1:9: rules[0]: a mapping is wanted, not 5"),
        ("ruls: []", 'f1.yml:1:1: ruls: unknown key "ruls"; did you mean rules?'),
        ("[]", "f1.yml:1:1: a mapping is wanted, not a list"),
        ("", "f1.yml:1:1: a mapping is wanted, not null"),
    ],
)
def test_documents_that_are_none(text, expected):
    assert expected in told(load(read(text))[1])


def test_profiles_are_left_alone():
    profile = read("profile: {name: a}\nrules: [{use: '*'}]")
    assert is_profile(profile)
    assert load(profile) == ([], [])
    assert rule_ids([("a", profile), ("b", rule("require: nonsense", name="ports.z")), ("c", None)]) == {
        "ports.z"
    }
