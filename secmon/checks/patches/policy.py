"""Choose the candidate of each installed package as apt does (apt_preferences(5)), and name the updates."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final

from secmon.checks.patches import deb822
from secmon.core.texts import cut
from secmon.core.versions import dpkg_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from secmon.checks.patches.archive import Release
    from secmon.checks.patches.dpkg import Installed, Package
    from secmon.checks.patches.pins import Pin, Source

_INSTALLED_PRIORITY: Final = 100
_DOWNGRADE_PRIORITY: Final = 1000  # from here on apt also goes back to an older version

Key = tuple[str, str]
"""Name and architecture of a package, `all` being the native one."""


@dataclass(frozen=True, slots=True)
class Update:
    """An installed package of which the archives hold a newer version.

    Attributes:
        package: its name, with the architecture where that is a foreign one.
        installed: its version.
        candidate: the version that apt would install; where a pin forbids that, the newest security version.
        security: a version newer than the installed one is in a security archive.
        source: label and suite of the archive that has the candidate, a security archive first.
        held: the package is on hold.
        pinned: preferences keep a security update away from apt.
    """

    package: str
    installed: str
    candidate: str
    security: bool
    source: str
    held: bool
    pinned: bool


@dataclass(frozen=True, slots=True)
class Pending:
    """The updates of one host.

    Attributes:
        updates: sorted by package.
        unordered: installed packages whose version dpkg could not order, so that none of theirs is known.
    """

    updates: tuple[Update, ...]
    unordered: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offers:
    """What the indexes offer for the installed packages.

    Attributes:
        installed: the packages that it is about.
        versions: package -> version -> the sources that have it.
    """

    installed: Installed
    versions: dict[Key, dict[str, list[Source]]] = field(default_factory=dict)

    def add(self, source: Source, chunks: Iterable[bytes]) -> int:
        """Take in one index.

        Args:
            source: where it comes from.
            chunks: the index in pieces, decompressed.

        Returns:
            The number of packages in it, installed or not.

        Raises:
            ValueError: it is no package index.
        """
        wanted = {package.name.encode() for package in self.installed.packages}
        total = 0
        for stanza in deb822.stanzas(chunks):
            name = deb822.first_field(stanza, b"Package")
            total += bool(name)
            if name not in wanted:
                if not name and stanza.strip():
                    raise ValueError("it holds a stanza without a package")
                continue
            architecture = deb822.field(stanza, b"Architecture").decode("ascii", "replace")
            version = cut(deb822.field(stanza, b"Version").decode("ascii", "replace"))
            versions = self.versions.setdefault(self.installed.key(name.decode(), architecture), {})
            versions.setdefault(version, []).append(source)
        return total


def find_updates(offers: Offers, pins: Iterable[Pin]) -> Pending:
    """Say of which packages the archives hold newer versions that matter.

    These are the packages that `apt list --upgradable` names, held ones included, and those of which a newer
    version is in a security archive but kept away by a pin. Ubuntu's phasing is not looked at: an update that
    apt holds back for some days for this host counts.

    Args:
        offers: what is installed and what the indexes have.
        pins: the preferences in apt's order.
    """
    priorities = _Priorities(tuple(pins))
    updates: list[Update] = []
    unordered: list[str] = []
    for package in offers.installed.packages:
        versions = offers.versions.get(offers.installed.key(package.name, package.architecture), {})
        if not versions.keys() - {package.version}:
            continue
        try:
            installed = _key(package.version)
        except ValueError:
            unordered.append(offers.installed.label(package))
            continue
        newer = {version: found for version, found in _valid(versions) if _key(version) > installed}
        if newer:
            candidate = _candidate(versions, package, priorities)
            updates += _updates(offers.installed.label(package), package, newer, candidate)
    return Pending(tuple(sorted(updates, key=lambda update: update.package)), tuple(unordered))


@dataclass(frozen=True, slots=True)
class _Priorities:
    """The priorities of versions."""

    pins: tuple[Pin, ...]
    archives: dict[str, int] = field(
        default_factory=dict
    )  # name of the index -> priority, as it is asked for

    def of_version(self, package: Package, version: str, sources: Iterable[Source]) -> int:
        """Return the priority of a version: of the first record that names it, else of its best archive."""
        sources = tuple(sources)
        for pin in self.pins:
            if pin.general or not pin.names(package.name):
                continue
            if pin.matches_version(version) or any(pin.matches(source) for source in sources):
                return pin.priority
        known = [self._of_archive(source) for source in sources]
        if version == package.version:
            known.append(_INSTALLED_PRIORITY)
        return max(known, default=0)

    def _of_archive(self, source: Source) -> int:
        name = source.index.name
        if name not in self.archives:
            general = (pin.priority for pin in self.pins if pin.general and pin.matches(source))
            self.archives[name] = next(general, _default_priority(source.release))
        return self.archives[name]


def _default_priority(release: Release) -> int:
    if not release.not_automatic:
        return 500
    return 100 if release.but_automatic_upgrades else 1


def _updates(
    label: str, package: Package, newer: Mapping[str, list[Source]], candidate: str
) -> Iterator[Update]:
    """Yield the update of one package, nothing where apt would leave it and no security archive has more."""
    secure = [version for version, sources in newer.items() if _security(sources)]
    pinned = candidate not in newer
    if pinned and not secure:
        return
    shown = max(secure, key=_key) if pinned else candidate
    yield Update(
        package=label,
        installed=package.version,
        candidate=shown,
        security=bool(secure),
        source=_describe(newer[shown]),
        held=package.held,
        pinned=pinned,
    )


def _candidate(versions: Mapping[str, list[Source]], package: Package, priorities: _Priorities) -> str:
    """Return the version of highest priority, of several the newest (pkgPolicy::GetCandidateVer in apt)."""
    installed = _key(package.version)
    best, best_priority = package.version, -1
    everything = {**dict(_valid(versions)), package.version: versions.get(package.version, [])}
    for version in sorted(everything, key=_key, reverse=True):
        priority = priorities.of_version(package, version, everything[version])
        older = _key(version) < installed and priority < _DOWNGRADE_PRIORITY
        if priority != 0 and priority > best_priority and not older:
            best, best_priority = version, priority
    return best


def _valid(versions: Mapping[str, list[Source]]) -> Iterator[tuple[str, list[Source]]]:
    """Yield the versions that are some; an archive's faulty entry hides no other one."""
    for version, sources in versions.items():
        try:
            _key(version)
        except ValueError:
            continue
        yield version, sources


_key = cache(dpkg_key)


def _security(sources: Iterable[Source]) -> bool:
    return any(source.release.security for source in sources)


def _describe(sources: Iterable[Source]) -> str:
    release = min((source.release for source in sources), key=lambda release: not release.security)
    return "/".join(part for part in (release.label, release.suite or release.codename) if part)
