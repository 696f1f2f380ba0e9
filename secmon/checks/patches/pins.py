"""Read apt's preferences: which archive or version a person prefers, by a priority (apt_preferences(5))."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, Literal

from secmon.checks.patches.deb822 import field, stanzas

if TYPE_CHECKING:
    from secmon.checks.patches.archive import Index, Release

_NEVER: Final = -32768
_COMMENT: Final = re.compile(rb"^#[^\n]*\n?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Source:
    """One index with what its archive says of itself: what pins are matched with.

    Attributes:
        index: the index.
        release: its Release file's text, an empty Release where there is none.
    """

    index: Index
    release: Release


@dataclass(frozen=True, slots=True)
class Pin:
    """One record.

    Attributes:
        packages: names or globs; `*` alone makes the record a general one.
        kind: what it matches.
        data: what must match.
        priority: of what it matches.
    """

    packages: tuple[str, ...]
    kind: Literal["release", "origin", "version"]
    data: str
    priority: int

    @property
    def general(self) -> bool:
        """Say whether it is for all packages: then it ranks below those that name some."""
        return self.packages == ("*",)

    def names(self, package: str) -> bool:
        """Say whether a record that is not general is for a package."""
        return any(fnmatchcase(package, pattern) for pattern in self.packages)

    def matches(self, source: Source) -> bool:
        """Say whether it is for an archive; one for versions is for none."""
        if self.kind == "origin":
            return _like(source.index.site, self.data.strip('"'))
        return self.kind == "release" and _release_matches(self.data, source)

    def matches_version(self, version: str) -> bool:
        """Say whether it is for a version, wherever that comes from."""
        if self.kind != "version":
            return False
        stem = self.data.removesuffix("*")  # apt takes a last asterisk for "begins with", before globs
        return _like(version, stem) or (stem != self.data and version.startswith(stem))


@dataclass(frozen=True, slots=True)
class Pins:
    """The records of all files in apt's order.

    Attributes:
        pins: those that are understood.
        unknown: there is a record that is not: a regular expression, a `src:` name, another form of Pin.
    """

    pins: tuple[Pin, ...] = ()
    unknown: bool = False


def parse_preferences(data: bytes) -> Pins:
    """Read one file.

    Args:
        data: its bytes.

    Raises:
        ValueError: a stanza is too long.
    """
    pins: list[Pin] = []
    unknown = False
    for stanza in stanzas([_COMMENT.sub(b"", data)]):
        if not stanza.strip():
            continue
        pin = _parse_pin(stanza)
        unknown = unknown or pin is None
        if pin and pin.priority:  # apt ignores a record of priority 0
            pins.append(pin)
    return Pins(tuple(pins), unknown)


def default_release(name: str) -> Pin:
    """Return the record that APT::Default-Release amounts to."""
    return Pin(("*",), "release", name, 990)


def _parse_pin(stanza: bytes) -> Pin | None:
    packages, pin, priority = (
        field(stanza, name).decode("utf-8", "replace") for name in (b"Package", b"Pin", b"Pin-Priority")
    )
    names = tuple(packages.split())
    kind, _, data = pin.partition(" ")
    if priority.lower() == "never":
        priority = str(_NEVER)
    if not names or not re.fullmatch(r"[+-]?[0-9]{1,6}", priority) or "/" in packages + data:
        return None
    if any(name.startswith("src:") for name in names) or kind not in ("release", "origin", "version"):
        return None
    return Pin(names, kind, data.strip(), int(priority))  # type: ignore[arg-type]  # tested one line above


def _release_matches(data: str, source: Source) -> bool:
    """Match `a=stable,c=main`, or a bare version, suite or codename; beside terms apt ignores a bare word."""
    release = source.release
    if "=" not in data:
        versions = (release.version,) if data[:1].isdigit() else (release.suite, release.codename)
        return any(_like(value, data) for value in versions)
    values = {
        "a": release.suite,
        "n": release.codename,
        "o": release.origin,
        "l": release.label,
        "v": release.version,
        "c": source.index.component,
        "b": source.index.architecture,
    }
    terms = (term.strip().partition("=") for term in data.split(","))
    return all(_like(values[key], wanted) for key, equals, wanted in terms if equals and key in values)


def _like(value: str, pattern: str) -> bool:
    return fnmatchcase(value.lower(), pattern.lower())
