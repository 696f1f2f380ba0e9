"""Walk over a document and collect every mistake on the way, each with its place and key.

A `Cursor` is a value with its place. Its readers return what they read, or None after telling a fault; the
walk goes on, so that one run reports all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from secmon.core.nearest import suggest
from secmon.core.nodes import Map, Seq, place_of
from secmon.core.rule import Fault, Place
from secmon.core.texts import cut, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from enum import StrEnum
    from re import Pattern

    from secmon.core.model import Json

T = TypeVar("T")
E = TypeVar("E", bound="StrEnum")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Cursor:
    """A value of a document, where it stands, and where to tell what is wrong with it.

    Attributes:
        value: the value.
        place: where it stands.
        key: dotted path of its key.
        faults: shared by all cursors of a walk.
    """

    value: Any
    place: Place
    key: str
    faults: list[Fault]

    def fault(self, message: str, advice: str = "") -> None:
        """Tell what is wrong with the value.

        Args:
            message: what is wrong.
            advice: what would be right.
        """
        self.faults.append(Fault(self.place, self.key, message, advice))

    def wrong(self, wanted: str, advice: str = "") -> None:
        """Tell that something else is wanted.

        Args:
            wanted: a noun with its article.
            advice: what would be right.
        """
        self.fault(f"{wanted} is wanted, not {show(self.value)}", advice)

    def at(self, key: str) -> Cursor:
        """Return the value of a key that the mapping has."""
        path = f"{self.key}.{key}" if self.key else key
        return Cursor(self.value[key], self._mark(key, of_key=False), path, self.faults)

    def key_at(self, key: str) -> Cursor:
        """Return a key itself that the mapping has."""
        path = f"{self.key}.{key}" if self.key else key
        return Cursor(key, self._mark(key, of_key=True), path, self.faults)

    def _mark(self, key: str, *, of_key: bool) -> Place:
        if not isinstance(self.value, Map):
            return self.place
        marks = self.value.key_marks if of_key else self.value.value_marks
        return Place(self.place.file, *marks[key])

    def items(self) -> list[Cursor]:
        """Return the items of a list; none, after a fault, of anything else."""
        if not isinstance(self.value, list):
            self.wrong("a list")
            return []
        marks = self.value.item_marks if isinstance(self.value, Seq) else None
        return [
            Cursor(
                item,
                Place(self.place.file, *marks[index]) if marks else self.place,
                f"{self.key}[{index}]",
                self.faults,
            )
            for index, item in enumerate(self.value)
        ]

    def mapping(self, allowed: Collection[str], required: Collection[str] = ()) -> dict[str, Cursor]:
        """Return the values of the known keys of a mapping.

        Args:
            allowed: every key that it may have.
            required: the keys that it must have.

        Returns:
            Key -> value; empty, after a fault, where it is no mapping.
        """
        if not isinstance(self.value, dict):
            self.wrong("a mapping")
            return {}
        for key in self.value:
            if key not in allowed:
                self.key_at(key).fault(f"unknown key {show(key)}", suggest(key, allowed))
        for key in required:
            if key not in self.value:
                self.fault(f"the key {key} is missing")
        return {key: self.at(key) for key in self.value if key in allowed}

    def entries(self) -> dict[str, Cursor]:
        """Return every entry of a mapping whose keys are free; none, after a fault, of anything else."""
        return self.mapping(self.value) if isinstance(self.value, dict) else self.mapping(())


def start(value: Any, file: str, faults: list[Fault]) -> Cursor:
    """Return a cursor at the top of a document.

    Args:
        value: what the reader gave.
        file: the file as the person named it.
        faults: where the walk tells what is wrong.

    Returns:
        The cursor.
    """
    return Cursor(value, place_of(value, file), "", faults)


def show(value: Any) -> str:
    """Return a value as a message shows it, short and safe to print.

    Args:
        value: any JSON value.

    Returns:
        At most 60 characters.
    """
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return f'"{escape(cut(value, _SHOWN))}"'
    return json.dumps(value)


def read_text(cursor: Cursor, *, pattern: Pattern[str] | None = None, wanted: str = "text") -> str | None:
    """Read text that is not empty.

    Args:
        cursor: where.
        pattern: what it must match from its beginning.
        wanted: what the pattern means, with its article.

    Returns:
        The text, None after a fault.
    """
    value = cursor.value
    if not isinstance(value, str):
        quotable = isinstance(value, (bool, int, float))
        cursor.wrong("text" if pattern is None else wanted, "quote it" if quotable else "")
        return None
    if not value.strip():
        cursor.fault("it is empty")
        return None
    if pattern is not None and not pattern.match(value):
        cursor.wrong(wanted)
        return None
    return value


def read_integer(cursor: Cursor, low: float | None = None, high: float | None = None) -> int | None:
    """Read a whole number within bounds, both included; None after a fault."""
    value = cursor.value
    if isinstance(value, bool) or not isinstance(value, int):
        cursor.wrong("a whole number")
        return None
    return value if _within(cursor, value, low, high) else None


def read_number(cursor: Cursor, low: float | None = None, high: float | None = None) -> float | None:
    """Read a number within bounds, both included; None after a fault."""
    value = cursor.value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        cursor.wrong("a number")
        return None
    return value if _within(cursor, value, low, high) else None


def _within(cursor: Cursor, value: float, low: float | None, high: float | None) -> bool:
    if (low is None or value >= low) and (high is None or value <= high):
        return True
    if low is None:
        advice = f"at most {high:g}"
    else:
        advice = f"at least {low:g}" if high is None else f"{low:g} to {high:g}"
    cursor.fault(f"{show(value)} is out of range", advice)
    return False


def read_boolean(cursor: Cursor) -> bool | None:
    """Read true or false; None after a fault."""
    if isinstance(cursor.value, bool):
        return cursor.value
    cursor.wrong("true or false")
    return None


def read_word(cursor: Cursor, words: Collection[str]) -> str | None:
    """Read one word of a closed list; None after a fault."""
    if isinstance(cursor.value, str) and cursor.value in words:
        return cursor.value
    text = cursor.value if isinstance(cursor.value, str) else ""
    cursor.fault(f"{show(cursor.value)} is not known here", suggest(text, words))
    return None


def read_enum(cursor: Cursor, kind: type[E]) -> E | None:
    """Read one word of an enumeration; None after a fault."""
    word = read_word(cursor, [member.value for member in kind])
    return None if word is None else kind(word)


def read_list(cursor: Cursor, read: Callable[[Cursor], T | None], *, least: int = 0) -> tuple[T, ...]:
    """Read a list without repetitions; items with faults are left out.

    Args:
        cursor: where.
        read: reader of one item.
        least: items that it must have.

    Returns:
        The items that could be read.
    """
    found: list[T] = []
    items = cursor.items()
    if isinstance(cursor.value, list) and len(items) < least:
        cursor.fault("the list is empty")
    for item in items:
        value = read(item)
        if value is None:
            continue
        if value in found:
            item.fault(f"{show(item.value)} stands twice")
            continue
        found.append(value)
    return tuple(found)


def read_parsed(cursor: Cursor, parse: Callable[[str], T]) -> T | None:
    """Read text with a parser that raises ValueError; None after a fault.

    Args:
        cursor: where.
        parse: returns the value, or raises ValueError with what would be right.

    Returns:
        What the parser returned.
    """
    text = read_text(cursor)
    if text is None:
        return None
    try:
        return parse(text)
    except ValueError as error:
        cursor.fault(f"{show(text)} cannot be read", str(error))
        return None


def read_languages(cursor: Cursor) -> dict[str, str]:
    """Read a text in Vietnamese and English; both are compulsory."""
    fields = cursor.mapping(("vi", "en"), ("vi", "en"))
    texts = {language: read_text(field) for language, field in fields.items()}
    return {language: text for language, text in texts.items() if text is not None}


def drop_none(mapping: Json) -> Json:
    """Return a mapping without the entries that could not be read."""
    return {key: value for key, value in mapping.items() if value is not None}
