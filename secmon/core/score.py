"""Compute the score of one asset after formula secmon-score/1 (docs/architecture.md, "Score").

The same formula stands in PromQL under deploy/prometheus; a test holds the two equal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from secmon.core.model import Run, Verdict

FORMULA: Final = "secmon-score/1"
MAX_AGE_SECONDS: Final = 86_400.0
"""max_age of an agent on its own; the province takes it from the inventory."""
CLOCK_SKEW_SECONDS: Final = 300.0
"""A run that ended later than this after now is not believed."""

GRADES: Final = ((85.0, "A"), (70.0, "B"), (50.0, "C"), (30.0, "D"))


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one check on one asset, before freshness.

    Attributes:
        earned: decided and nothing fails.
        accepted: decided and every failure is waived.
        covered: decided.
        possible: every bound rule's.
    """

    earned: int = 0
    accepted: int = 0
    covered: int = 0
    possible: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one asset; never without its coverage.

    Attributes:
        formula: id of the formula.
        raw: 0-100, None where nothing is possible.
        accepted: 0-100, likewise.
        coverage: 0-100, likewise.
        grade: A-E, likewise.
        checks: check -> its points before freshness.
    """

    formula: str
    raw: float | None
    accepted: float | None
    coverage: float | None
    grade: str | None
    checks: dict[str, Points]


def last_complete(runs: Iterable[Run]) -> float | None:
    """Return L: the end of the last run that attempted every expected target with its canary passing.

    Args:
        runs: runs of one check on one asset.

    Returns:
        Unix seconds, None where no run was complete.
    """
    return max((run.finished for run in runs if run.attempted_all and run.canary is None), default=None)


def freshness(last: float | None, now: float, max_age: float = MAX_AGE_SECONDS) -> float:
    """Return how much a check's points still count.

    Args:
        last: Unix seconds of the last complete run, None where there was none.
        now: Unix seconds.
        max_age: seconds for which points count in full.

    Returns:
        1 up to max_age, then falling to 0 at twice max_age; 0 for a run from the future.
    """
    if last is None or last > now + CLOCK_SKEW_SECONDS:
        return 0.0
    return min(1.0, max(0.0, 2.0 - (now - last) / max_age))


def count_points(
    verdicts: Iterable[Verdict],
    possible: Mapping[str, int],
    is_waived: Callable[[str], bool],
) -> dict[str, Points]:
    """Add up the points of one asset by check.

    Args:
        verdicts: of one asset; a bound rule without a verdict earns nothing.
        possible: check -> points that its bound rules are worth.
        is_waived: says of a failing result's fingerprint whether a waiver holds now.

    Returns:
        check -> points, for every check in `possible`.
    """
    sums = {check: [0, 0, 0] for check in possible}
    for verdict in verdicts:
        if verdict.check not in sums or not verdict.decided:
            continue
        total = sums[verdict.check]
        total[0] += 0 if verdict.failures else verdict.points
        total[1] += verdict.points if all(map(is_waived, verdict.failures)) else 0
        total[2] += verdict.points
    return {
        check: Points(earned, accepted, covered, possible[check])
        for check, (earned, accepted, covered) in sums.items()
    }


def score(
    checks: Mapping[str, Points],
    fresh: Mapping[str, float],
    *,
    critical_in_order: bool,
) -> Score:
    """Compute the score of one asset.

    Args:
        checks: check -> points (`count_points`).
        fresh: check -> freshness, 0 where absent.
        critical_in_order: `critical_in_order()` of the same verdicts.

    Returns:
        The score; raw <= accepted <= coverage holds by construction.
    """
    possible = sum(points.possible for points in checks.values())
    if possible == 0:
        return Score(FORMULA, None, None, None, None, dict(checks))

    def ratio(name: str) -> float:
        parts = (getattr(points, name) * fresh.get(check, 0.0) for check, points in sorted(checks.items()))
        return min(100.0, 100.0 * math.fsum(parts) / possible)

    accepted = ratio("accepted")
    return Score(
        FORMULA,
        ratio("earned"),
        accepted,
        ratio("covered"),
        grade(accepted, critical_in_order=critical_in_order),
        dict(checks),
    )


def grade(accepted: float, *, critical_in_order: bool) -> str:
    """Return the grade of an asset.

    Args:
        accepted: unrounded accepted score, 0-100.
        critical_in_order: every critical rule is decided, fresh and without an unwaived failure.

    Returns:
        A-E; at most C where a critical rule is not in order.
    """
    letter = next((letter for least, letter in GRADES if accepted >= least), "E")
    return letter if critical_in_order else max(letter, "C")


def critical_in_order(
    verdicts: Iterable[Verdict],
    expected: Iterable[str],
    fresh: Mapping[str, float],
    is_waived: Callable[[str], bool],
) -> bool:
    """Say whether no critical rule caps the grade.

    Args:
        verdicts: of one asset.
        expected: ids of its bound rules whose own severity is critical.
        fresh: check -> freshness.
        is_waived: says of a failing result's fingerprint whether a waiver holds now.

    Returns:
        True where each is decided, at freshness 1, and has no unwaived failure.
    """
    good = {
        verdict.rule
        for verdict in verdicts
        if verdict.decided and fresh.get(verdict.check, 0.0) >= 1.0 and all(map(is_waived, verdict.failures))
    }
    return good.issuperset(expected)
