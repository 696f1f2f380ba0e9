"""Tell the files of var/lib/apt/lists apart, and read what a Release file says of its archive."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from secmon.checks.patches.deb822 import field
from secmon.core.texts import cut

if TYPE_CHECKING:
    from collections.abc import Iterable

STALE_SECONDS: Final = 14 * 86400
"""Age at which an index without Valid-Until says nothing any more about what is pending."""

_PACKAGES: Final = re.compile(r"Packages(?:\.(?P<compression>[a-z0-9]+))?\Z")
_PLACE: Final = re.compile(r"(?P<component>.*?)_?binary-(?P<architecture>[a-z0-9-]+)_\Z")
_DATE: Final = re.compile(
    rb"[A-Za-z]{3}, +(\d{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d{4}) "
    rb"(\d{1,2}):(\d\d):(\d\d) (?:UTC|GMT|([+-])(\d\d)(\d\d))"
)
_MONTHS: Final = b"JanFebMarAprMayJunJulAugSepOctNovDec"
_ARMOUR: Final = b"-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE: Final = b"\n-----BEGIN PGP SIGNATURE-----"


@dataclass(frozen=True, slots=True)
class Release:
    """What an archive says of itself (Debian Repository Format, "Release" files).

    Attributes:
        origin: who publishes it.
        label: what it is for.
        suite: moves with time (`stable`).
        codename: stays (`bookworm`).
        version: of the distribution.
        date: Unix seconds at which it was signed, None where it does not say.
        valid_until: Unix seconds, None where it does not say.
        not_automatic: its packages are only installed on demand (backports).
        but_automatic_upgrades: what was installed from it is kept up to date from it.
    """

    origin: str = ""
    label: str = ""
    suite: str = ""
    codename: str = ""
    version: str = ""
    date: float | None = None
    valid_until: float | None = None
    not_automatic: bool = False
    but_automatic_upgrades: bool = False

    @property
    def security(self) -> bool:
        """Say whether it carries security updates.

        Debian renames the suite with each release (`stable-security`, `oldstable-security`), not the label;
        Ubuntu has one label for all pockets, and suites that end in the pocket.
        """
        if self.label == "Debian-Security" or (
            self.origin == "Debian" and self.codename.endswith("-security")
        ):
            return True
        return self.label.startswith("Ubuntu") and self.suite.endswith("-security")

    def stale(self, now: float) -> bool:
        """Say whether it is too old to tell what is pending: past Valid-Until, or STALE_SECONDS old.

        Args:
            now: Unix seconds.
        """
        if self.valid_until is not None:
            return now > self.valid_until
        return self.date is None or now - self.date > STALE_SECONDS


@dataclass(frozen=True, slots=True)
class Index:
    """One package index as apt keeps it.

    Attributes:
        name: of the file.
        release: name of the Release or InRelease file that it belongs to, "" where there is none.
        site: host that it came from, "" for a local one.
        component: `main` and so on, "" in a flat archive.
        architecture: as dpkg spells it, "" in a flat archive, which mixes them.
        compression: file name extension, "" where it is plain.
    """

    name: str
    release: str
    site: str
    component: str
    architecture: str
    compression: str


def find_indexes(names: Iterable[str]) -> tuple[Index, ...]:
    """Pick the package indexes among the files of var/lib/apt/lists, each with its Release file.

    apt names a file after its address with `_` for `/`, so the Release file of an index is the one whose
    address is the longest beginning of the index's.

    Args:
        names: names of files.
    """
    names = sorted(names)
    releases = {name.removesuffix("Release"): name for name in names if name.endswith("_Release")}
    releases |= {name.removesuffix("InRelease"): name for name in names if name.endswith("_InRelease")}
    longest_first = sorted(releases, key=len, reverse=True)
    return tuple(
        _index(
            name, found, next((prefix for prefix in longest_first if name.startswith(prefix)), ""), releases
        )
        for name in names
        if (found := _PACKAGES.search(name))
    )


def _index(name: str, found: re.Match[str], prefix: str, releases: dict[str, str]) -> Index:
    place = _PLACE.match(name[len(prefix) : found.start()])
    return Index(
        name=name,
        release=releases.get(prefix, ""),
        site=name.split("_", 1)[0],
        component=place["component"] if place else "",
        architecture=place["architecture"] if place else "",
        compression=found["compression"] or "",
    )


def parse_release(data: bytes) -> Release:
    """Read a Release file, or an InRelease file (which carries its signature); the signature is not checked.

    apt checked it before it stored the file; whoever can change it since can also change dpkg's status.

    Args:
        data: the whole file.

    Raises:
        ValueError: the armour of a signed file is broken, or there is no field that names the archive.
    """
    body = _signed_text(data) if data.startswith(_ARMOUR) else data
    names = {name: _text(body, name) for name in ("Origin", "Label", "Suite", "Codename", "Version")}
    date = _parse_date(field(body, b"Date"))
    if date is None and not any(names.values()):
        raise ValueError("it names neither an archive nor a date")
    return Release(
        origin=names["Origin"],
        label=names["Label"],
        suite=names["Suite"],
        codename=names["Codename"],
        version=names["Version"],
        date=date,
        valid_until=_parse_date(field(body, b"Valid-Until")),
        not_automatic=_yes(body, b"NotAutomatic"),
        but_automatic_upgrades=_yes(body, b"ButAutomaticUpgrades"),
    )


def _signed_text(data: bytes) -> bytes:
    """Return the text of a cleartext-signed message (RFC 9580 section 7)."""
    start = data.find(b"\n\n")
    end = data.find(_SIGNATURE)
    if start < 0 or end < start:
        raise ValueError("its signed text has no end")
    return data[start + 2 : end].replace(b"\n- ", b"\n").removeprefix(b"- ")


def _text(body: bytes, name: str) -> str:
    return cut(field(body, name.encode()).decode("utf-8", "replace"))


def _yes(body: bytes, name: bytes) -> bool:
    return field(body, name).lower() == b"yes"


def _parse_date(value: bytes) -> float | None:
    """Read a date of RFC 2822 (Debian Repository Format: always in UTC); None where it is none.

    `strptime` is not used: it depends on the locale and imports a module on its first call.
    """
    found = _DATE.fullmatch(value)
    if not found:
        return None
    day, month, year, hour, minute, second = found.groups()[:6]
    try:
        local = datetime(
            int(year),
            _MONTHS.index(month) // 3 + 1,
            int(day),
            int(hour),
            int(minute),
            int(second),
            tzinfo=UTC,
        )
        offset = timedelta(hours=int(found[8] or 0), minutes=int(found[9] or 0))
        return (local + offset if found[7] == b"-" else local - offset).timestamp()
    except (ValueError, OverflowError):
        return None
