"""How long to wait follows what was measured, as RFC 6298 says, within bounds."""

from __future__ import annotations

import pytest

from secmon.checks.ports.roundtrip import RoundTrip


def trip(*seconds: float) -> RoundTrip:
    made = RoundTrip()
    for each in seconds:
        made.sample(each)
    return made


def test_nothing_measured_waits_a_second():
    assert trip().timeout_seconds == 1.0


def test_the_first_sample_and_its_half():
    assert trip(0.3).timeout_seconds == pytest.approx(0.3 + 4 * 0.15)


def test_the_formula_of_the_standard():
    variation = 3 / 4 * 0.15 + 1 / 4 * abs(0.3 - 0.4)
    smoothed = 7 / 8 * 0.3 + 1 / 8 * 0.4
    assert trip(0.3, 0.4).timeout_seconds == pytest.approx(smoothed + 4 * variation)


@pytest.mark.parametrize(("seconds", "timeout"), [(0.0001, 0.2), (0.0, 0.2), (30.0, 2.0)])
def test_the_bounds(seconds, timeout):
    assert trip(seconds).timeout_seconds == timeout


def test_an_even_distance_needs_little_more_than_itself():
    assert 0.6 < trip(*[0.6] * 30).timeout_seconds < 0.65
