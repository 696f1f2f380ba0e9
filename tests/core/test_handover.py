"""What is handed over comes to the score that the province would make of every check."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.handover import RECENT_SECONDS, Ageing, hand_over, is_recent
from secmon.core.score import Points, freshness

NOW = 1e9
DAY = 86_400.0
HOUR = 3_600.0


def test_recent_checks_are_added_up_and_the_others_stand_alone():
    checks = {
        "ports": Points(1, 2, 3, 9),
        "tls": Points(10, 20, 30, 90),
        "patches": Points(4, 5, 6, 7),
        "traffic": Points(0, 0, 0, 8),
    }
    last = {"ports": NOW - HOUR, "tls": NOW - 11 * HOUR, "patches": NOW - 13 * HOUR, "traffic": NOW - DAY}
    told = hand_over(checks, {check: points.possible for check, points in checks.items()}, last, NOW)
    assert told.recent == Points(11, 22, 33, 9 + 90 + 7 + 8)
    assert told.ageing == (Ageing("patches", Points(4, 5, 6, 7), NOW - 13 * HOUR),)


def test_no_check_hands_over_more_than_is_expected_of_it():
    checks = {"ports": Points(5, 8, 9, 9), "tls": Points(5, 8, 9, 9), "patches": Points(5, 8, 9, 9)}
    last = {"ports": NOW, "tls": NOW - 2 * DAY, "patches": NOW}
    told = hand_over(checks, {"ports": 7, "tls": 6, "patches": 0, "traffic": 3}, last, NOW)
    assert told.recent == Points(5, 7, 7, 16)
    assert told.ageing == (Ageing("tls", Points(5, 6, 6, 6), NOW - 2 * DAY),)


@pytest.mark.parametrize(
    ("last", "recent"),
    [
        (None, False),
        (NOW + 1, False),  # a clock was set back: whether the run is to be believed is for the reader to say
        (NOW, True),
        (NOW - RECENT_SECONDS + 1, True),
        (NOW - RECENT_SECONDS, False),
    ],
)
def test_recent_is_what_counts_in_full_for_every_reader(last, recent):
    assert is_recent(last, NOW) == recent
    if recent:
        assert freshness(last, NOW + HOUR, DAY) == 1


points = st.integers(0, 50)
whole = st.tuples(points, points, points).map(lambda parts: Points(*sorted(parts), possible=50))


@given(
    checks=st.dictionaries(st.sampled_from("abcde"), whole),
    expected=st.dictionaries(st.sampled_from("abcde"), points),
    ages=st.dictionaries(st.sampled_from("abcde"), st.floats(-DAY, 3 * DAY)),
    max_age=st.sampled_from((DAY, 12 * DAY)),
)
def test_nothing_is_lost_and_nothing_added(checks, expected, ages, max_age):
    last = {check: NOW - age for check, age in ages.items()}
    told = hand_over(checks, expected, last, NOW)
    for part in ("earned", "accepted", "covered"):
        by_check = sum(
            min(getattr(checks[check], part), most) * freshness(last.get(check), NOW, max_age)
            for check, most in expected.items()
            if check in checks
        )
        handed = getattr(told.recent, part) + sum(
            getattr(item.points, part) * freshness(item.last_complete, NOW, max_age) for item in told.ageing
        )
        assert handed == pytest.approx(by_check)
    assert told.recent.possible == sum(expected.values())
