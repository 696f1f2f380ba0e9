"""No value of a shipped rule can be changed without one of the rule's own tests noticing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from secmon.core.ruletests import run_test
from tests.rules.mutation import mutants
from tests.rules.shipped import REGISTRY, RULES, kind_of


def survives(mutant, kind):
    """Return whether every test of the rule still says what it should."""
    try:
        return all(run_test(mutant, kind, test).value == test.expect for test in mutant.tests)
    except ValueError:
        return False  # the value means nothing to its operator: the loader refuses it


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_no_mutant_survives_the_tests_of_its_rule(rule):
    kind = kind_of(rule)
    assert [mutant.what for mutant in mutants(rule, kind) if survives(mutant.rule, kind)] == []


def test_a_rule_without_tests_lets_every_mutant_live():
    rule = replace(next(rule for rule in RULES if rule.id == "ports.telnet-exposed"), tests=())
    kind = REGISTRY.kind("ports", "listener")
    assert len([mutant for mutant in mutants(rule, kind) if survives(mutant.rule, kind)]) > 10
