"""Read durations, days and instants as people write them in files."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

from secmon.core.model import VIETNAM_UTC_OFFSET_SECONDS

DAY_SECONDS: Final = 86_400
VIETNAM: Final = timezone(timedelta(seconds=VIETNAM_UTC_OFFSET_SECONDS))
_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": DAY_SECONDS}
_DURATION: Final = re.compile(r"([0-9]{1,6})([smhd])\Z")
DAY_PATTERN: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
INSTANT_PATTERN: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})\Z"
)
_HOURS: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])\Z")
_FIRST_YEAR: Final = 1970


def parse_duration(text: str) -> float:
    """Return the seconds of `30s`, `5m`, `1h` or `1d`.

    Args:
        text: a whole number and a unit.

    Returns:
        Seconds.

    Raises:
        ValueError: it is written in another way.
    """
    found = _DURATION.match(text)
    if not found:
        raise ValueError("a duration is a whole number and a unit: 30s, 5m, 1h, 1d")
    return float(int(found[1]) * _UNIT_SECONDS[found[2]])


def parse_day(text: str) -> date:
    """Return the day of `YYYY-MM-DD`.

    Args:
        text: the day as written.

    Returns:
        The day, 1970 or later.

    Raises:
        ValueError: there is no such day.
    """
    if not DAY_PATTERN.match(text):
        raise ValueError("a day is written YYYY-MM-DD")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"the calendar has no day {text}") from None
    if day.year < _FIRST_YEAR:
        raise ValueError(f"a day is {_FIRST_YEAR} or later")
    return day


def day_start(day: date) -> float:
    """Return the Unix seconds at which a day begins in Vietnam.

    Args:
        day: a day.

    Returns:
        Unix seconds.
    """
    return datetime(day.year, day.month, day.day, tzinfo=VIETNAM).timestamp()


def day_end(day: date) -> float:
    """Return the Unix seconds at which a day has ended in Vietnam: the midnight that follows it.

    Args:
        day: a day; it is included.

    Returns:
        Unix seconds; the day lasts while now is below them.
    """
    return day_start(day) + DAY_SECONDS


def parse_hours(text: str) -> str:
    """Return the hours of each day that a text names, in Vietnam.

    Args:
        text: where they begin and end: `22:00-05:00`; they may go past midnight, and the same instant twice
            is the whole day.

    Returns:
        The same text.

    Raises:
        ValueError: it is written in another way.
    """
    if not _HOURS.match(text):
        raise ValueError("hours are written 22:00-05:00, as clocks in Vietnam show them")
    return text


def is_within(hours: str, now: float) -> bool:
    """Return whether an instant lies in hours of the day.

    Args:
        hours: from `parse_hours`, "" for any time.
        now: Unix seconds.
    """
    found = _HOURS.match(hours)
    if not found:
        return True
    begin, end = (int(found[part]) * 3600 + int(found[part + 1]) * 60 for part in (1, 3))
    since = (now + VIETNAM_UTC_OFFSET_SECONDS - begin) % DAY_SECONDS
    return since < ((end - begin) % DAY_SECONDS or DAY_SECONDS)


def parse_instant(text: str) -> float:
    """Return the Unix seconds of a day (its beginning in Vietnam) or of an RFC 3339 instant with its offset.

    Args:
        text: `2026-11-23` or `2026-11-23T08:00:00+07:00`, `Z` for UTC.

    Returns:
        Unix seconds.

    Raises:
        ValueError: it is neither.
    """
    if DAY_PATTERN.match(text):
        return day_start(parse_day(text))
    if not INSTANT_PATTERN.match(text):
        raise ValueError("an instant is written 2026-11-23 or 2026-11-23T08:00:00+07:00")
    try:
        moment = datetime.fromisoformat(text)
        if moment.astimezone(UTC).year < _FIRST_YEAR:
            raise ValueError(f"an instant is {_FIRST_YEAR} or later")
    except OverflowError:
        raise ValueError(f"the calendar has no instant {text}") from None
    return moment.timestamp()
