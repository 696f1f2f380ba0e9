"""Add up for the province what its clock cannot change, and set apart what it can (ADR 0019).

The province counts points that were made within max_age, which is a day or more, in full and older ones less
and less. Checks that were completed within the last twelve hours are recent for every reader, so the agent
adds their points up; a reader then handles one number instead of one for each check. The others are handed
over check by check, with the instant from which the reader's own clock counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.core.score import Points

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RECENT_SECONDS: Final = 43_200.0
"""The longest interval of a check (core.checksettings), and half of the shortest max_age."""
BEHIND_SECONDS: Final = 39_600.0
"""How far behind an agent's clock may be: with more, what it calls recent might be older than max_age."""


@dataclass(frozen=True, slots=True)
class Ageing:
    """Points of one check whose freshness only the reader can know.

    Attributes:
        check: name of the check.
        points: before freshness.
        last_complete: Unix seconds.
    """

    check: str
    points: Points
    last_complete: float


@dataclass(frozen=True, slots=True)
class Handover:
    """What the province is told of one asset.

    Attributes:
        recent: points of the checks that are recent, added up; `possible` is that of all checks.
        ageing: checks that are not recent and have points all the same.
    """

    recent: Points
    ageing: tuple[Ageing, ...]


def hand_over(
    checks: Mapping[str, Points],
    expected: Mapping[str, int],
    last: Mapping[str, float | None],
    now: float,
) -> Handover:
    """Add up the points of one asset.

    Args:
        checks: check -> its points before freshness.
        expected: check -> points that are expected whatever this agent is configured to look at
            (core.expected); no check hands over more.
        last: check -> Unix seconds of its last complete run, None where there was none.
        now: Unix seconds, by the agent's clock.

    Returns:
        The sums; of a check that never was complete nothing.
    """
    capped = {
        check: _cap(checks[check], most) for check, most in expected.items() if check in checks and most
    }
    recent = {check for check in capped if is_recent(last.get(check), now)}
    return Handover(
        recent=Points(
            earned=sum(capped[check].earned for check in recent),
            accepted=sum(capped[check].accepted for check in recent),
            covered=sum(capped[check].covered for check in recent),
            possible=sum(expected.values()),
        ),
        ageing=tuple(_ageing({check: capped[check] for check in capped if check not in recent}, last)),
    )


def is_recent(last: float | None, now: float) -> bool:
    """Return whether a check's points count in full for every reader.

    Args:
        last: Unix seconds of its last complete run, None where there was none.
        now: Unix seconds, by the same clock.
    """
    return last is not None and now - RECENT_SECONDS < last <= now


def _cap(points: Points, most: int) -> Points:
    return Points(min(points.earned, most), min(points.accepted, most), min(points.covered, most), most)


def _ageing(checks: Mapping[str, Points], last: Mapping[str, float | None]) -> Iterator[Ageing]:
    for check, points in checks.items():
        complete = last.get(check)
        if complete is not None and points.covered:
            yield Ageing(check, points, complete)
