"""Run the tests that travel with a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from secmon.core.evaluate import COMPLETE, Look, compile_rule, fold, make_subject
from secmon.core.model import Asset, Fact, Outcome, Reason, Role

if TYPE_CHECKING:
    from secmon.core.contract import KindSpec
    from secmon.core.model import Json
    from secmon.core.rule import Param, Rule, RuleTest

FIXED_NOW: Final = 1_767_225_600.0
"""2026-01-01T00:00:00Z, the instant of a test that names none."""

_TARGET: Final = "test"


@dataclass(frozen=True, slots=True)
class Failure:
    """One case that did not say what it should.

    Attributes:
        rule: the rule.
        test: the case.
        got: what it said.
    """

    rule: Rule
    test: RuleTest
    got: Outcome

    def __str__(self) -> str:
        """Return `file:line:col: rule: "name": expected X, got Y`."""
        return (
            f'{self.test.place}: {self.rule.id}: "{self.test.name}": '
            f"expected {self.test.expect}, got {self.got.value}"
        )


def run_tests(rule: Rule, kind: KindSpec) -> list[Failure]:
    """Run every test of a rule.

    Args:
        rule: a validated rule.
        kind: its kind of fact.

    Returns:
        The cases that failed, in order.
    """
    failures = []
    for test in rule.tests:
        got = run_test(rule, kind, test)
        if got.value != test.expect:
            failures.append(Failure(rule, test, got))
    return failures


def missing_cases(rule: Rule) -> tuple[Outcome, ...]:
    """Return the outcomes that no test of a rule expects and one should.

    Args:
        rule: a validated rule.

    Returns:
        Of pass, fail and unknown those without a case; a rule with `never` has no pass, so that one of its
        cases must say not_applicable.
    """
    good = Outcome.NOT_APPLICABLE if rule.never else Outcome.PASS
    expected = {test.expect for test in rule.tests}
    return tuple(
        outcome for outcome in (good, Outcome.FAIL, Outcome.UNKNOWN) if outcome.value not in expected
    )


def run_test(rule: Rule, kind: KindSpec, test: RuleTest) -> Outcome:
    """Run one test.

    Args:
        rule: a validated rule.
        kind: its kind of fact.
        test: one of its tests.

    Returns:
        The fold over the test's facts. A derived field that the test names itself is taken as it stands.
    """
    now = FIXED_NOW if test.now is None else test.now
    asset = Asset("test", level=test.level, roles=tuple(Role(role) for role in test.roles))
    params = {param.name: effective(param, test.level) for param in rule.params} | test.params
    judge = compile_rule(rule, kind, asset, params, severity=rule.severity, now=now)
    subjects = [make_subject(kind, Fact(kind.name, dict(facts)), now) for facts in test.facts]
    for subject, facts in zip(subjects, test.facts, strict=True):
        subject.values.update(_derived(kind, facts))
    look = COMPLETE if test.looked is None else Look(Reason(test.looked))
    return fold(judge.judge_target(_TARGET, subjects, look))


def _derived(kind: KindSpec, facts: Json) -> Json:
    names = {spec.name for spec in kind.fields if spec.days_until or spec.days_since}
    return {name: value for name, value in facts.items() if name in names}


def effective(param: Param, level: int) -> Any:
    """Return the value of a parameter for a level: the nearest `level_N` at or below it, else the default.

    Args:
        param: the parameter.
        level: 1-5.

    Returns:
        Its value, None where it has none.
    """
    below = [number for number in param.levels if number <= level]
    return param.levels[max(below)] if below else param.default
