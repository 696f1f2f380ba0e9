"""Hold the entries of an inventory against each other: names that stand twice, and names of nothing."""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from secmon.core.cursor import Cursor, show
from secmon.core.inventory import Availability
from secmon.core.model import Platform
from secmon.core.nearest import nearest, suggest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from secmon.core.model import Json

SUGGESTIONS: Final = 20
"""Unknown names that get a suggestion; each is held against thousands of names."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a section.

    Attributes:
        values: what could be read of it.
        cursor: where it stands.
    """

    values: Json
    cursor: Cursor

    @property
    def id(self) -> str:
        """Return its id, "" where that could not be read."""
        return str(self.values.get("id", ""))

    def items(self, key: str) -> Iterator[tuple[str, Cursor]]:
        """Yield the texts of a list as they are written, each with its place."""
        if key in self.values:
            for item in self.cursor.at(key).items():
                if isinstance(item.value, str):
                    yield item.value, item

    def ids(self, key: str) -> Iterator[tuple[str, Cursor]]:
        """Yield the ids of a list that could be read, each with its place."""
        read = frozenset(self.values.get(key, ()))
        return ((text, item) for text, item in self.items(key) if text in read)


@dataclass(slots=True)
class _Names:
    """Who has which name; a name means one entry."""

    what: str
    owners: dict[str, tuple[str, Cursor]] = field(default_factory=dict)

    def claim(self, name: str, owner: str, cursor: Cursor) -> None:
        other = self.owners.setdefault(name, (owner, cursor))
        if other[1] is not cursor:
            cursor.fault(f"{show(name)} is {self.what} already", f"it stands at {other[1].place}")


@dataclass(slots=True)
class Links:
    """The references of an inventory.

    Attributes:
        province: id of the province, "" where that could not be read.
        units: entries of units.
        systems: entries of systems.
        assets: entries of assets.
        packs: entries of packs.
    """

    province: str
    units: Sequence[Entry]
    systems: Sequence[Entry]
    assets: Sequence[Entry]
    packs: Sequence[Entry]
    _units: _Names = field(default_factory=lambda: _Names("the id or alias of a unit"))
    _systems: _Names = field(default_factory=lambda: _Names("the id of a system"))
    _agents: _Names = field(default_factory=lambda: _Names("the agent of an asset"))
    _suggested: int = 0

    def unit_of(self, entry: Entry, key: str) -> str:
        """Return the id of the unit that an entry names by id or alias; "" for none, and for the province."""
        name = entry.values.get(key, "")
        return self._units.owners[name][0] if name in self._units.owners else ""

    def check(self) -> None:
        """Tell of everything that does not fit together."""
        self._claim_units()
        self._claim_assets()
        self._claim_packs()
        self._check_units()
        self._check_systems()
        self._check_assets()

    def _claim_units(self) -> None:
        for entry in self.units:
            _claim_ids(self._units, entry)
            if self.province and self.province in {entry.id, *entry.values.get("aliases", ())}:
                entry.cursor.fault(
                    f"{show(self.province)} is the id of the province", "give the unit its own"
                )
        for entry in self.systems:
            _claim_ids(self._systems, entry)

    def _claim_assets(self) -> None:
        ids = _Names("the id or alias of an asset")
        hosts: dict[str, tuple[Entry, Cursor]] = {}
        for entry in self.assets:
            _claim_ids(ids, entry)
            if "agent" in entry.values:
                self._agents.claim(entry.values["agent"], entry.id, entry.cursor.at("agent"))
            if "retired" not in entry.values:  # what took its place may have its addresses
                for key in ("addresses", "hostnames"):
                    self._claim_hosts(hosts, entry, key)

    def _claim_hosts(self, hosts: dict[str, tuple[Entry, Cursor]], entry: Entry, key: str) -> None:
        for text, cursor in entry.items(key):
            other, there = hosts.setdefault(_one_spelling(text), (entry, cursor))
            cluster = entry.values.get("cluster")
            if other is not entry and (cluster is None or cluster != other.values.get("cluster")):
                advice = f"{show(other.id)} has it at {there.place}; members of one cluster may share it"
                cursor.fault(f"two assets have {show(text)}", advice)

    def _claim_packs(self) -> None:
        digests = _Names("the digest of a pack")
        for entry in self.packs:
            if "sha256" in entry.values:
                digests.claim(entry.values["sha256"], "", entry.cursor.at("sha256"))

    def _check_units(self) -> None:
        known = {self.province, *self._units.owners}
        kinds = Counter(entry.values.get("kind", "") for entry in self.units)
        common = {kind for kind, count in kinds.items() if kind and count > 1}
        for entry in self.units:
            self._refer(entry, "parent", "unit", known)
            kind = entry.values.get("kind", "")
            close = nearest(kind, common) if kind and kind not in common else None
            if close is not None:
                entry.cursor.at("kind").fault(
                    f"no other unit is of the kind {show(kind)}", f"did you mean {close}?"
                )
        self._check_cycles()

    def _check_cycles(self) -> None:
        """Tell of units that are their own ancestors, once for each circle."""
        owners = self._units.owners
        by_id = {entry.id: entry for entry in reversed(self.units) if entry.id}
        done: set[str] = set()
        for entry in self.units:
            path: dict[str, None] = {}
            here = entry.id
            while here in by_id and here not in done and here not in path:
                path[here] = None
                parent = by_id[here].values.get("parent", "")
                here = owners[parent][0] if parent in owners else ""
            if here in path:
                circle = list(path)[list(path).index(here) :]
                shown = " > ".join((*circle[:8], "..." if len(circle) > 8 else here))
                by_id[here].cursor.at("parent").fault(
                    f"the unit is above itself: {shown}", "break the circle"
                )
            done.update(path)

    def _check_systems(self) -> None:
        served = {system for entry in self.assets for system in entry.values.get("systems", ())}
        for entry in self.systems:
            self._refer(entry, "owner_unit", "unit", self._units.owners)
            if entry.id and entry.id not in served:
                message = f"no asset serves the system {show(entry.id)}, so nothing speaks for it"
                entry.cursor.at("id").fault(message, "name it under systems of its assets, or remove it")

    def _check_assets(self) -> None:
        for entry in self.assets:
            self._refer(entry, "operator_unit", "unit", self._units.owners)
            for text, item in entry.ids("systems"):
                self._know(text, item, "system", self._systems.owners)
            for text, item in entry.ids("watched_by"):
                self._know(text, item, "agent", self._agents.owners)
            self._check_watch(entry)

    def _check_watch(self, entry: Entry) -> None:
        values, cursor = entry.values, entry.cursor
        if not isinstance(cursor.value, dict) or cursor.value.get("retired") is not None:
            return
        if cursor.value.get("agent") is None and cursor.value.get("watched_by") is None:
            cursor.fault("nobody watches the asset", "give the agent on it, or agents in watched_by")
        if "agent" not in values:
            return
        if values.get("platform", Platform.LINUX) is not Platform.LINUX:
            message = f"no agent runs on the platform {values['platform'].value}"
            cursor.at("agent").fault(message, "watch it from outside: name an agent in watched_by")
        reachable = cursor.value.get("addresses") or cursor.value.get("hostnames")
        if not reachable and values.get("availability") is not Availability.AIRGAPPED:
            cursor.at("agent").fault("nobody can reach the agent", "give addresses or hostnames of the asset")

    def _refer(self, entry: Entry, key: str, what: str, known: Collection[str]) -> None:
        if key in entry.values:
            self._know(entry.values[key], entry.cursor.at(key), what, known)

    def _know(self, name: str, cursor: Cursor, what: str, known: Collection[str]) -> None:
        if name in known:
            return
        advice = suggest(name, known) if self._suggested < SUGGESTIONS else ""
        self._suggested += 1
        cursor.fault(f"there is no {what} {show(name)}", advice)


def _claim_ids(names: _Names, entry: Entry) -> None:
    if entry.id:
        names.claim(entry.id, entry.id, entry.cursor.at("id"))
    for alias, cursor in entry.ids("aliases"):
        names.claim(alias, entry.id, cursor)


def _one_spelling(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.casefold().rstrip(".")
