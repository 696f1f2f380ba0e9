"""Section "Score" of docs/architecture.md, sentence by sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.model import Outcome, Reason, Run, Severity, Verdict
from secmon.core.score import (
    Points,
    Score,
    count_points,
    critical_in_order,
    freshness,
    grade,
    last_complete,
    score,
)

NOW = 1_800_000_000.0
CHECKS = ("ports", "tls", "patches")


def verdict(
    rule: str, check: str, severity: Severity, *, decided: bool, failures: tuple[str, ...]
) -> Verdict:
    outcome = Outcome.FAIL if failures else Outcome.PASS if decided else Outcome.UNKNOWN
    return Verdict(
        "a", rule, check, severity, severity.points, severity is Severity.CRITICAL, outcome, decided, failures
    )


@st.composite
def verdicts(draw: st.DrawFn) -> list[Verdict]:
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(CHECKS),
                st.sampled_from(list(Severity)),
                st.booleans(),
                st.sets(st.sampled_from(["x", "y", "z"])),
            ),
            max_size=12,
        )
    )
    return [
        verdict(
            f"r{index}",
            check,
            severity,
            decided=decided,
            failures=tuple(f"{index}{name}" for name in failures),
        )
        for index, (check, severity, decided, failures) in enumerate(rows)
    ]


FRESH = st.fixed_dictionaries({check: st.sampled_from([0.0, 0.25, 1.0]) for check in CHECKS})
WAIVED = st.sets(st.sampled_from([f"{index}{name}" for index in range(12) for name in "xyz"]))


def possible(rows: list[Verdict]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for row in rows:
        sums[row.check] = sums.get(row.check, 0) + row.points
    return sums


def judged(
    rows: list[Verdict], fresh: dict[str, float], waived: set[str], base: list[Verdict] | None = None
) -> Score:
    expected = base or rows
    points = count_points(rows, possible(expected), waived.__contains__)
    critical = [row.rule for row in expected if row.critical]
    return score(
        points, fresh, critical_in_order=critical_in_order(rows, critical, fresh, waived.__contains__)
    )


@given(verdicts(), FRESH, WAIVED)
def test_raw_accepted_coverage_are_ordered(rows, fresh, waived) -> None:
    got = judged(rows, fresh, waived)
    if got.raw is None:
        assert sum(possible(rows).values()) == 0
        assert (got.accepted, got.coverage, got.grade) == (None, None, None)
    else:
        assert 0 <= got.raw <= got.accepted <= got.coverage <= 100


@given(verdicts(), FRESH, WAIVED, st.data())
def test_repairing_never_lowers(rows, fresh, waived, data) -> None:
    if not rows:
        return
    index = data.draw(st.integers(0, len(rows) - 1))
    before = judged(rows, fresh, waived)
    row = rows[index]
    mended = [*rows[:index], replace(row, failures=row.failures[1:]), *rows[index + 1 :]]
    after = judged(mended, fresh, waived, rows)
    if before.raw is not None:
        assert after.raw >= before.raw
        assert after.accepted >= before.accepted
        assert after.coverage >= before.coverage
        assert after.grade <= before.grade


@given(verdicts(), FRESH, WAIVED, st.data())
def test_hiding_never_raises(rows, fresh, waived, data) -> None:
    """Undecided, vanished or stale: nothing may rise, and coverage falls where it was covered."""
    if not rows:
        return
    index = data.draw(st.integers(0, len(rows) - 1))
    row = rows[index]
    before = judged(rows, fresh, waived)
    undecided = [*rows[:index], replace(row, decided=False), *rows[index + 1 :]]
    vanished = [*rows[:index], *rows[index + 1 :]]
    stale = {**fresh, row.check: fresh[row.check] / 2}
    for hidden, freshnesses in ((undecided, fresh), (vanished, fresh), (rows, stale)):
        after = judged(hidden, freshnesses, waived, rows)
        if before.raw is None:
            continue
        assert after.raw <= before.raw
        assert after.accepted <= before.accepted
        assert after.coverage <= before.coverage
        assert after.grade >= before.grade
        if hidden is not rows and row.decided and row.points and fresh[row.check]:
            assert after.coverage < before.coverage


@given(verdicts(), FRESH, WAIVED, WAIVED)
def test_waiving_changes_accepted_only(rows, fresh, waived, more) -> None:
    before, after = judged(rows, fresh, waived), judged(rows, fresh, waived | more)
    assert (after.raw, after.coverage) == (before.raw, before.coverage)
    if before.accepted is not None:
        assert after.accepted >= before.accepted


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (0, 1.0),
        (86_400, 1.0),
        (86_400 * 1.5, 0.5),
        (86_400 * 2, 0.0),
        (86_400 * 400, 0.0),
        (-300, 1.0),
        (-301, 0.0),
    ],
)
def test_freshness(age, expected) -> None:
    assert freshness(NOW - age, NOW) == pytest.approx(expected)


def test_freshness_of_nothing_is_nothing() -> None:
    assert freshness(None, NOW) == 0.0


def test_a_run_counts_as_complete_only_with_its_canary_and_every_target() -> None:
    good = Run("a", "tls", NOW - 50, NOW - 40, attempted_all=True, canary=None)
    blind = replace(good, finished=NOW - 10, canary=Reason.TIMEOUT)
    short = replace(good, finished=NOW - 5, attempted_all=False)
    assert last_complete([blind, good, short]) == NOW - 40
    assert last_complete([blind, short]) is None


@pytest.mark.parametrize(
    ("accepted", "letter"),
    [
        (100.0, "A"),
        (85.0, "A"),
        (84.999999, "B"),
        (70.0, "B"),
        (50.0, "C"),
        (30.0, "D"),
        (29.99, "E"),
        (0.0, "E"),
    ],
)
def test_grade_is_from_the_unrounded_score(accepted, letter) -> None:
    assert grade(accepted, critical_in_order=True) == letter
    assert grade(accepted, critical_in_order=False) == max(letter, "C")


def test_a_critical_rule_without_a_verdict_caps_the_grade() -> None:
    rows = [verdict("r", "tls", Severity.LOW, decided=True, failures=())]
    assert not critical_in_order(rows, ["gone"], {"tls": 1.0}, lambda _: False)
    assert critical_in_order(rows, [], {"tls": 1.0}, lambda _: False)


def test_points_by_hand() -> None:
    """One critical fails waived, one high passes, one medium is undecided: 6, 16, 16 of 19."""
    rows = [
        verdict("c", "ports", Severity.CRITICAL, decided=True, failures=("1",)),
        verdict("h", "ports", Severity.HIGH, decided=True, failures=()),
        verdict("m", "ports", Severity.MEDIUM, decided=False, failures=()),
    ]
    points = count_points(rows, {"ports": 19}, {"1"}.__contains__)
    assert points == {"ports": Points(earned=6, accepted=16, covered=16, possible=19)}
    got = score(points, {"ports": 1.0}, critical_in_order=True)
    assert got.raw == pytest.approx(100 * 6 / 19)
    assert got.accepted == pytest.approx(100 * 16 / 19)
    assert got.coverage == pytest.approx(100 * 16 / 19)
    assert got.grade == "B"
