"""The rules of the check: their own tests, and that one fault makes one finding."""

from __future__ import annotations

from pathlib import Path

import pytest

from secmon.checks import tls
from secmon.checks.tls.kinds import TRUST_REASONS
from secmon.core.contract import Registry
from secmon.core.model import Outcome
from secmon.core.rule import RuleTest
from secmon.core.rules import load_rules
from secmon.core.ruletests import run_test, run_tests
from secmon.sources import yaml

FOLDER = Path(__file__).parents[3] / "rules" / "tls"
DOCUMENTS = [yaml.read(path.read_bytes(), path.name) for path in sorted(FOLDER.glob("*.yml"))]
RULES, FAULTS = load_rules(
    [(document.file, document.value) for document in DOCUMENTS], Registry({"tls": tls.CHECK})
)
BY_ID = {rule.id: rule for rule in RULES}
OF_ENDPOINTS = [
    rule
    for rule in RULES
    if rule.kind == "endpoint" and all(param.default is not None for param in rule.params)
]
"""Those that bind without a profile's or a site's word."""


def test_they_load_without_a_fault():
    assert [fault for document in DOCUMENTS for fault in document.faults] == []
    assert FAULTS == []
    assert len(RULES) >= 15


@pytest.mark.parametrize("rule", RULES, ids=BY_ID)
def test_their_own_tests_pass_and_tell_every_outcome(rule):
    assert run_tests(rule, tls.CHECK.kind(rule.kind)) == []
    assert {test.expect for test in rule.tests} >= {"pass", "fail", "unknown"}


@pytest.mark.parametrize("reason", TRUST_REASONS)
def test_one_fault_of_an_endpoint_makes_one_finding(reason):
    facts = {
        "trust_reason": reason,
        "trusted": reason in ("trusted_nonconforming", "bad_order", "extra_root"),
        "trust_profile": None,
        "days_left": -1 if reason == "expired" else 90,
        "lifetime_days": 90,
        "pinned": None,
        "versions": ["TLS1.2", "TLS1.3"],
    }
    failing = [rule.id for rule in OF_ENDPOINTS if outcome(rule, facts) is Outcome.FAIL]
    assert len(failing) == 1


def test_a_faultless_endpoint_makes_none():
    facts = {
        "trust_reason": None,
        "trusted": True,
        "trust_profile": "public",
        "days_left": 90,
        "lifetime_days": 90,
        "pinned": None,
        "versions": ["TLS1.3"],
    }
    outcomes = {rule.id: outcome(rule, facts) for rule in OF_ENDPOINTS}
    assert outcomes.pop("tls.pin-mismatch") is Outcome.NOT_APPLICABLE
    assert set(outcomes.values()) == {Outcome.PASS}


def outcome(rule, facts):
    case = RuleTest("", (facts,), "", rule.place)
    return run_test(rule, tls.CHECK.kind(rule.kind), case)
