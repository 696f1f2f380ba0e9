from __future__ import annotations

from datetime import date

import pytest

from secmon.core.quantities import (
    day_end,
    day_start,
    is_within,
    parse_day,
    parse_duration,
    parse_hours,
    parse_instant,
)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1h", 3600), ("1d", 86400), ("0s", 0)]
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "30", "s", "1.5h", "1h30m", "-5s", "5 m", "5M", "１s", "9999999s", "5m\n"]
)
def test_other_durations_are_refused(text):
    with pytest.raises(ValueError, match="30s, 5m, 1h, 1d"):
        parse_duration(text)


def test_a_day_begins_at_seventeen_utc_of_the_day_before():
    assert day_start(date(2026, 11, 23)) == 1795366800.0  # 2026-11-22T17:00:00Z
    assert day_end(date(2026, 11, 23)) == day_start(date(2026, 11, 24))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-02-29", "the calendar has no day"),
        ("26-02-03", "YYYY-MM-DD"),
        ("2026-1-1", "YYYY-MM-DD"),
        ("1969-12-31", "1970 or later"),
        ("0000-01-01", "the calendar"),
        ("２026-01-01", "YYYY-MM-DD"),
    ],
)
def test_days_that_are_none(text, words):
    with pytest.raises(ValueError, match=words):
        parse_day(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-23", 1795366800.0),
        ("2026-11-23T00:00:00+07:00", 1795366800.0),
        ("2026-11-22T17:00:00Z", 1795366800.0),
    ],
)
def test_instants(text, seconds):
    assert parse_instant(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "now",
        "2026-11-23T00:00:00",
        "2026-11-23 00:00:00Z",
        "2026-13-23T00:00:00Z",
        "1960-01-01T00:00:00Z",
        "0001-01-01T00:00:00+07:00",
        "9999-12-31T23:59:59-07:00",
    ],
)
def test_instants_that_are_none(text):
    with pytest.raises(ValueError):
        parse_instant(text)


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        ("22:00-05:00", ["22:00", "23:59", "00:00", "04:59"], ["05:00", "12:00", "21:59"]),
        ("08:00-17:30", ["08:00", "17:29"], ["17:30", "07:59", "00:00"]),
        ("00:00-00:00", ["00:00", "12:00", "23:59"], []),
        ("", ["00:00", "12:00"], []),
    ],
)
def test_hours_of_the_day(hours: str, inside: list[str], outside: list[str]):
    def at(clock: str) -> float:
        return parse_instant(f"2026-11-23T{clock}:00+07:00")

    assert all(is_within(hours, at(clock)) for clock in inside)
    assert not any(is_within(hours, at(clock)) for clock in outside)


@pytest.mark.parametrize("text", ["22-05", "24:00-05:00", "22:60-05:00", "22:00", "22:00 - 05:00", ""])
def test_what_are_no_hours_is_refused(text: str):
    with pytest.raises(ValueError, match="22:00-05:00"):
        parse_hours(text)
