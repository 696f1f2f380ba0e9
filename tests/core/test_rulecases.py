from __future__ import annotations

import pytest

from secmon.core.quantities import parse_instant
from secmon.core.rules import load_rules
from tests.support.rulebook import REGISTRY, rule, told


def load(tests, body="require: {port: {lt: $limit}}\nparams: {limit: {type: integer, default: 10}}"):
    return load_rules([("f.yml", rule(f"{body}\ntests:\n{tests}"))], REGISTRY)


def faults_of(tests, **more):
    return [line.removeprefix("f.yml:") for line in told(load(tests, **more)[1])]


def test_a_test_is_read_whole():
    (only,), faults = load(
        "  - {name: one fact, facts: {port: 5, user: null, since: 2026-11-23}, expect: pass}\n"
        "  - {name: all keys, facts: [{port: 5}, {port: 6}], looked: timeout, params: {limit: 3}, level: 4, "
        "roles: [database], now: '2026-11-23T12:00:00Z', expect: unknown}\n"
        "  - {name: nothing, facts: [], looked: complete, now: 5, expect: not_applicable}\n"
    )
    assert told(faults) == []
    one, all_keys, nothing = only.tests
    assert one.facts == ({"port": 5, "user": None, "since": parse_instant("2026-11-23")},)
    assert (one.level, one.roles, one.now, one.looked, one.params) == (2, ("server",), None, None, {})
    assert str(one.place) == "f.yml:11:9"
    assert all_keys.facts == ({"port": 5}, {"port": 6})
    assert (all_keys.looked, all_keys.params, all_keys.level, all_keys.roles) == (
        "timeout",
        {"limit": 3},
        4,
        ("database",),
    )
    assert all_keys.now == parse_instant("2026-11-23T12:00:00Z")
    assert (nothing.facts, nothing.looked, nothing.now) == ((), None, 5.0)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("§{facts: {}, expect: pass}", "rules[0].tests[0]: the key name is missing"),
        (
            "{name: a, facts: {§prt: 1}, expect: pass}",
            'rules[0].tests[0].facts.prt: the kind listener has no field "prt"; did you mean port?',
        ),
        (
            "{name: a, facts: {port: §x}, expect: pass}",
            'rules[0].tests[0].facts.port: a number is wanted, not "x"',
        ),
        (
            "{name: a, facts: {proto: §tpc}, expect: pass}",
            'rules[0].tests[0].facts.proto: "tpc" is not known here; did you mean tcp?',
        ),
        (
            "{name: a, facts: {names: [§1]}, expect: pass}",
            "rules[0].tests[0].facts.names[0]: text is wanted, not 1; quote it",
        ),
        (
            "{name: a, facts: {names: §x}, expect: pass}",
            'rules[0].tests[0].facts.names: a list is wanted, not "x"',
        ),
        (
            "{name: a, facts: {records: [§1]}, expect: pass}",
            "rules[0].tests[0].facts.records[0]: a mapping is wanted, not 1",
        ),
        (
            "{name: a, facts: {since: §soon}, expect: pass}",
            (
                'rules[0].tests[0].facts.since: "soon" cannot be read; '
                "an instant is written 2026-11-23 or 2026-11-23T08:00:00+07:00"
            ),
        ),
        ("{name: a, facts: §5, expect: pass}", "rules[0].tests[0].facts: a list is wanted, not 5"),
        (
            "{name: a, facts: {}, expect: §passes}",
            'rules[0].tests[0].expect: "passes" is not known here; did you mean pass?',
        ),
        (
            "{name: a, facts: {}, expect: pass, looked: §timout}",
            'rules[0].tests[0].looked: "timout" is not known here; did you mean timeout?',
        ),
        (
            "{name: a, facts: {}, expect: pass, level: §6}",
            "rules[0].tests[0].level: 6 is out of range; 1 to 5",
        ),
        (
            "{name: a, facts: {}, expect: pass, params: {§limt: 1}}",
            'rules[0].tests[0].params.limt: ports.a has no parameter "limt"; did you mean limit?',
        ),
        (
            "{name: a, facts: {}, expect: pass, params: {limit: §x}}",
            'rules[0].tests[0].params.limit: a whole number is wanted, not "x"',
        ),
        (
            "{name: a, facts: {}, expect: pass, now: §true}",
            "rules[0].tests[0].now: an instant is wanted, not true",
        ),
    ],
)
def test_a_wrong_test_says_what_would_be_right(case, expected):
    column = len("      - ") + case.index("§") + 1
    assert faults_of(f"  - {case.replace('§', '')}\n") == [f"11:{column}: {expected}"]


def test_two_tests_of_one_name():
    case = "  - {name: same, facts: {}, expect: unknown}\n"
    assert faults_of(case * 2) == [
        '12:9: rules[0].tests[1]: two tests are named "same"; name what each one shows'
    ]


def test_a_test_gives_what_has_no_default():
    body = "require: {listed_in: $allow}\nparams: {allow: {type: predicates, local: true}}"
    case = "  - {{name: a, facts: {{port: 1}}, expect: fail{more}}}\n"
    assert faults_of(case.format(more=""), body=body) == [
        "11:9: rules[0].tests[0]: $allow has no default; give the test params: {allow: ...}"
    ]
    assert faults_of(case.format(more=", params: {allow: []}"), body=body) == []
    assert faults_of(case.format(more=", params: {allow: [{prt: 1}]}"), body=body) == [
        '11:69: rules[0].tests[0].params.allow[0].prt: the kind listener has no field "prt"; did you mean port?'
    ]
