"""Write the values of a report for a reader: subjects, evidence, numbers, times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from secmon.core.model import VIETNAM_UTC_OFFSET_SECONDS
from secmon.core.texts import cut, escape

if TYPE_CHECKING:
    from collections.abc import Collection

    from secmon.core.model import Json
    from secmon.core.texts import Lang

VALUE_LIMIT: Final = 160
"""Characters of one value on the page; the JSON report has all of it."""

_VIETNAM: Final = timezone(timedelta(seconds=VIETNAM_UTC_OFFSET_SECONDS))
_HOSTS: Final = ("address", "host", "server")
_FOLDED: Final = frozenset({*_HOSTS, "port", "proto"})


def number(value: float, lang: Lang, digits: int = 1) -> str:
    """Write a number with the decimal sign of the language.

    Args:
        value: any finite number.
        lang: `vi` has a comma, `en` a point.
        digits: digits after the sign.

    Returns:
        The number, rounded half to even.
    """
    text = f"{value:.{digits}f}"
    return text.replace(".", ",") if lang == "vi" else text


def day_time(value: str, lang: Lang) -> str:
    """Write an instant of the report in Vietnam's time.

    Args:
        value: ISO 8601 with a zone.
        lang: `vi` writes day/month/year.

    Returns:
        Day and minute.
    """
    return _local(datetime.fromisoformat(value), lang)


def unix_time(seconds: float, lang: Lang) -> str:
    """Write Unix seconds in Vietnam's time; a number beyond the calendar stays a number."""
    try:
        return _local(datetime.fromtimestamp(seconds, UTC), lang)
    except (OverflowError, OSError, ValueError):
        return str(seconds)


def _local(instant: datetime, lang: Lang) -> str:
    return instant.astimezone(_VIETNAM).strftime("%d/%m/%Y %H:%M" if lang == "vi" else "%Y-%m-%d %H:%M")


def last_day(value: str, lang: Lang) -> str:
    """Write the last day before an instant of the report, in Vietnam's time."""
    return _local(datetime.fromisoformat(value) - timedelta(seconds=1), lang).partition(" ")[0]


def subject_text(result: Json) -> str:
    """Name the thing that was judged: `tcp 0.0.0.0:23`, then its other key fields.

    Args:
        result: a result of the report; its subject is empty where a whole target was judged.

    Returns:
        Safe text, "" where the target says it all.
    """
    subject = {name: value for name, value in result["subject"].items() if value != result["target"]}
    host = next((str(subject[name]) for name in _HOSTS if subject.get(name) not in {None, ""}), "")
    port = subject.get("port")
    if host and port is not None:
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    else:
        place = host or ("" if port is None else f"port {port}")
    head = " ".join(part for part in (str(subject.get("proto") or ""), place) if part)
    rest = [_pair(name, value) for name, value in subject.items() if name not in _FOLDED and value != "host"]
    return " ".join([escape(cut(head, VALUE_LIMIT))] * bool(head) + rest)


def evidence_text(result: Json, timestamps: Collection[tuple[str, str]], lang: Lang) -> str:
    """Write the fields that the rule read, less those that name the subject.

    Args:
        result: a result of the report.
        timestamps: (check, field) of fields that hold Unix seconds.
        lang: language of times.

    Returns:
        Safe text of `field=value` pairs.
    """
    pairs = []
    for name, value in result["evidence"].items():
        if name in result["subject"]:
            continue
        if (result["check"], name) in timestamps and isinstance(value, (int, float)):
            pairs.append(f"{escape(name)}={unix_time(value, lang)}")
        else:
            pairs.append(_pair(name, value))
    return " ".join(pairs)


def _pair(name: str, value: Any) -> str:
    return f"{escape(name)}={escape(cut(_plain(value), VALUE_LIMIT))}"


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(_plain, value))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_plain(item)}" for key, item in value.items()) + "}"
    text = str(value)
    return f'"{text}"' if " " in text else text
