from __future__ import annotations

import pytest

from secmon.core.model import Outcome
from secmon.core.rules import load_rules
from secmon.core.ruletests import missing_cases, run_tests
from tests.support.rulebook import LISTENER, REGISTRY, rule, told

CASES = {
    "pass": "{name: a, facts: {port: 1}, expect: pass}",
    "fail": "{name: b, facts: {port: 9}, expect: fail}",
    "unknown": "{name: c, facts: {proto: tcp}, expect: unknown}",
    "not_applicable": "{name: d, facts: [], expect: not_applicable}",
}


def load(body, *cases):
    lines = "".join(f"  - {CASES[case]}\n" for case in cases)
    (only,), faults = load_rules([("f.yml", rule(f"{body}\ntests:\n{lines or '  []'}"))], REGISTRY)
    assert told(faults) == []
    return only


@pytest.mark.parametrize(
    ("body", "cases", "missing"),
    [
        ("require: {port: {lt: 5}}", ("pass", "fail", "unknown"), ()),
        ("require: {port: {lt: 5}}", ("fail",), ("pass", "unknown")),
        ("require: {port: {lt: 5}}", ("not_applicable",), ("pass", "fail", "unknown")),
        ("where: {port: 9}\nrequire: never", ("not_applicable", "fail", "unknown"), ()),
        ("where: {port: 9}\nrequire: never", ("fail", "unknown"), ("not_applicable",)),
        ("count: {le: 1}", ("pass", "fail"), ("unknown",)),
        ("count: {le: 1}", (), ("pass", "fail", "unknown")),
    ],
)
def test_the_cases_that_a_rule_lacks(body, cases, missing):
    assert missing_cases(load(body, *cases)) == tuple(Outcome(word) for word in missing)


def test_a_case_that_fails_says_what_it_got():
    only = load("require: {port: {lt: 0}}", "pass", "unknown")
    (failure,) = run_tests(only, LISTENER)
    assert str(failure) == 'f.yml:10:9: ports.a: "a": expected pass, got fail'
