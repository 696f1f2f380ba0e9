"""Read the sections of secmon.yml with tables of readers, and the values that stand in them.

A key without a value counts as absent, so that a section whose lines are all commented out is no mistake.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from secmon.core.configuration import PathSetting
from secmon.core.cursor import (
    Cursor,
    read_boolean,
    read_integer,
    read_list,
    read_number,
    read_parsed,
    read_text,
    show,
)
from secmon.core.hosts import parse_host
from secmon.core.operators import parse_network
from secmon.core.quantities import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from secmon.core.contract import SettingSpec
    from secmon.core.model import Json

    Reader = Callable[[Cursor], Any]

BUILTIN: Final = "builtin"
"""Word for the installation's own rules."""

ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_SECRET: Final = re.compile(
    r"pass(word|phrase|wd)|secret|token|community|(private|api)_?key|credential", re.IGNORECASE
)


def open_section(
    cursor: Cursor | None, keys: tuple[str, ...], required: tuple[str, ...] = ()
) -> dict[str, Cursor]:
    """Return the entries of a section that have a value, and tell of secrets and unknown keys."""
    if cursor is None:
        return {}
    secrets: list[str] = []
    if isinstance(cursor.value, dict):
        secrets = [key for key in cursor.value if key not in keys and _SECRET.search(key)]
    for key in secrets:
        message = f"{show(key)} looks like a secret, which never stands in this file"
        cursor.key_at(key).fault(message, "put it into a file of its own; secmon reads only *_file keys")
    fields = cursor.mapping((*keys, *secrets), required)
    for key in required:
        if key in fields and fields[key].value is None:
            fields[key].fault("it has no value")
    return {key: field for key, field in fields.items() if field.value is not None and key not in secrets}


def section(cursor: Cursor | None, readers: Mapping[str, Reader], required: tuple[str, ...] = ()) -> Json:
    """Read a section with its table; keys that are absent or faulty are left out."""
    fields = open_section(cursor, tuple(readers), required)
    values = {key: readers[key](field) for key, field in fields.items()}
    return {key: value for key, value in values.items() if value is not None}


def read_id(cursor: Cursor) -> str | None:
    """Read an id, which never changes and stands in metrics: ASCII, at most 63 characters."""
    return read_text(cursor, pattern=ID, wanted="an id of letters, digits and .-_")


def read_path(cursor: Cursor) -> str | None:
    """Read an absolute path; None after a fault."""
    text = read_text(cursor)
    if text is None:
        return None
    if not text.startswith("/") or "\0" in text:
        cursor.wrong("an absolute path")
        return None
    return text


def read_path_setting(cursor: Cursor, *, builtin: bool = False) -> PathSetting | None:
    """Read a path with its place, or the word `builtin` where it may stand; None after a fault."""
    path = cursor.value if builtin and cursor.value == BUILTIN else read_path(cursor)
    return None if path is None else PathSetting(path, cursor.place, cursor.key)


def read_path_settings(cursor: Cursor, *, builtin: bool = False) -> tuple[PathSetting, ...]:
    """Read a list of paths; those with faults are left out."""
    return read_list(cursor, partial(read_path_setting, builtin=builtin))


def read_network(cursor: Cursor) -> str | None:
    """Read a network in its shortest spelling; None after a fault."""
    network = read_parsed(cursor, parse_network)
    return None if network is None else str(network)


def read_host(cursor: Cursor) -> str | None:
    """Read an address or a name; None after a fault, which never shows the text: it may hold a password."""
    text = read_text(cursor)
    if text is None:
        return None
    try:
        return parse_host(text)
    except ValueError as error:
        cursor.fault("it is no host", str(error))
        return None


def read_duration(cursor: Cursor, low: float | None = None, high: float | None = None) -> float | None:
    """Read a duration such as `30s` within bounds in seconds, both included; None after a fault."""
    seconds = read_parsed(cursor, parse_duration) if isinstance(cursor.value, str) else None
    if not isinstance(cursor.value, str):
        cursor.wrong("a duration", "a whole number and a unit: 30s, 5m, 1h, 1d")
    if seconds is None:
        return None
    if (low is not None and seconds < low) or (high is not None and seconds > high):
        bounds = [f"at least {_span(low)}"] if low is not None else []
        bounds += [f"at most {_span(high)}"] if high is not None else []
        cursor.fault(f"{show(cursor.value)} is out of range", ", ".join(bounds))
        return None
    return seconds


def _span(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def read_setting(cursor: Cursor, spec: SettingSpec) -> Any:
    """Read a setting that a check declares.

    Args:
        cursor: the value.
        spec: its type and bounds.

    Returns:
        The value, durations in seconds, lists as lists; None after a fault.
    """
    bounded = {"integer": read_integer, "number": read_number, "duration": read_duration}
    if spec.type in bounded:
        return bounded[spec.type](cursor, spec.minimum, spec.maximum)
    if spec.type == "boolean":
        return read_boolean(cursor)
    if spec.type == "text":
        return "" if cursor.value == "" else read_text(cursor)
    return list(read_list(cursor, read_path if spec.type == "paths" else read_text))
