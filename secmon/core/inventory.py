"""Hold the inventory of a province: who operates what, how much it counts, and which agent speaks for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from secmon.core.model import Asset, Platform, Role, Vantage
from secmon.core.quantities import DAY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from secmon.core.rule import Place

DEFAULT_LEVEL: Final = 2
"""Level of an asset that serves no system."""


class Availability(StrEnum):
    """When an asset can be expected to be looked at."""

    ALWAYS = "always"
    OFFICE = "office"
    AIRGAPPED = "airgapped"

    @property
    def max_age_seconds(self) -> float:
        """Return for how long a complete run counts in full."""
        return _MAX_AGE_DAYS[self] * DAY_SECONDS

    @property
    def speaks_seconds(self) -> float | None:
        """Return for how long an agent's last words hold, None where only over a missed scrape."""
        return None if self is Availability.ALWAYS else 2 * self.max_age_seconds


_MAX_AGE_DAYS: Final = {
    Availability.ALWAYS: 1.0,
    Availability.OFFICE: 12.0,  # the longest holiday, Tet, with the weekends around it
    Availability.AIRGAPPED: 14.0,
}


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the administration.

    Attributes:
        id: ASCII, stable for ever.
        kind: only units of one kind are ranked against each other.
        names: language -> name.
        parent: id of the unit or province that it belongs to, "" for the province.
        aliases: other ids that mean it, such as those of units that were merged into it.
    """

    id: str
    kind: str
    names: Mapping[str, str]
    parent: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class System:
    """An information system.

    Attributes:
        id: ASCII, stable for ever.
        owner_unit: id of the unit that answers for it.
        level: 1-5.
        decision: the document that approved the level, "" where there is none yet.
        roles: what it is for.
    """

    id: str
    owner_unit: str
    level: int
    decision: str = ""
    roles: tuple[Role, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """A time of maintenance.

    Attributes:
        begin: Unix seconds, included.
        end: Unix seconds, not included.
        reason: what is done.
    """

    begin: float
    end: float
    reason: str


@dataclass(frozen=True, slots=True)
class InventoryAsset:
    """A server or device as the province knows it.

    Attributes:
        id: ASCII, stable for ever; agents call it so.
        operator_unit: id of the unit that operates it; its score counts there.
        platform: what it runs.
        place: where its entry stands.
        systems: ids of the systems that it serves.
        aliases: other ids that mean it.
        hostnames: its names in the network.
        addresses: its addresses, in their shortest spelling.
        site: where it stands, "" where unknown; alerts are grouped by it.
        agent: name of the agent that runs on it, "" for none.
        watched_by: names of agents that watch it from outside.
        cluster: id of the cluster that it is a member of, "" for none.
        availability: when it can be expected to be looked at.
        maintenance: when its alerts keep quiet.
        retired: Unix seconds from which it no longer counts, None while in service.
    """

    id: str
    operator_unit: str
    platform: Platform
    place: Place
    systems: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    hostnames: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    site: str = ""
    agent: str = ""
    watched_by: tuple[str, ...] = ()
    cluster: str = ""
    availability: Availability = Availability.ALWAYS
    maintenance: tuple[Window, ...] = ()
    retired: float | None = None

    @property
    def host(self) -> str:
        """Return where it is reached: its first address, else its first name, "" for nowhere."""
        return next(iter((*self.addresses, *self.hostnames)), "")

    def in_service(self, now: float) -> bool:
        """Return whether it counts at an instant, in Unix seconds."""
        return self.retired is None or now < self.retired

    def in_maintenance(self, now: float) -> bool:
        """Return whether a window of maintenance is open at an instant, in Unix seconds."""
        return any(window.begin <= now < window.end for window in self.maintenance)


@dataclass(frozen=True, slots=True)
class AcceptedPack:
    """A pack that agents must use for their points to count.

    Attributes:
        name: as agents report it; of one name any accepted digest will do.
        sha256: digest (docs/architecture.md, "Signing").
        until: Unix seconds from which it is no longer accepted.
        place: where its entry stands.
    """

    name: str
    sha256: str
    until: float
    place: Place


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a province has; references are ids, never aliases.

    Attributes:
        province: id of the province.
        names: language -> its name.
        units: id -> unit, in the order of the file.
        systems: id -> system.
        assets: id -> asset.
        packs: packs that are accepted.
    """

    province: str
    names: Mapping[str, str]
    units: Mapping[str, Unit]
    systems: Mapping[str, System]
    assets: Mapping[str, InventoryAsset]
    packs: tuple[AcceptedPack, ...]

    def in_service(self, now: float) -> list[InventoryAsset]:
        """Return the assets that count at an instant, in Unix seconds."""
        return [asset for asset in self.assets.values() if asset.in_service(now)]

    def speakers(self, now: float) -> dict[str, str]:
        """Return which one agent scores each asset.

        Args:
            now: Unix seconds.

        Returns:
            Asset in service -> its own agent, else the first of those that watch it whose own asset is in
            service, else "".
        """
        assets = self.in_service(now)
        running = {asset.agent for asset in assets if asset.agent}
        watchers = {asset.id: [name for name in asset.watched_by if name in running] for asset in assets}
        return {asset.id: asset.agent or next(iter(watchers[asset.id]), "") for asset in assets}

    def as_judged(self, entry: InventoryAsset) -> Asset:
        """Return an asset as rules bind it.

        Args:
            entry: an asset of this inventory.

        Returns:
            It with the highest level and all roles of its systems, looked at from inside by its own agent,
            else from outside.
        """
        systems = [self.systems[system] for system in entry.systems]
        roles = {role for system in systems for role in system.roles}
        return Asset(
            id=entry.id,
            unit=entry.operator_unit,
            platform=entry.platform,
            level=max((system.level for system in systems), default=DEFAULT_LEVEL),
            roles=tuple(sorted(roles)) or (Role.SERVER,),
            vantages=(Vantage.INSIDE if entry.agent else Vantage.OUTSIDE,),
        )
