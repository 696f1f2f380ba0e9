"""Imagine a province from a seed: its units, their systems, the machines, and what is wrong with them."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from secmon.core.inventory import DEFAULT_LEVEL, Availability
from secmon.core.model import Platform, Role
from tools.demo.chance import dice
from tools.demo.plants import PLANTS, SITES_IN_NEED
from tools.demo.troubles import Trouble, troubles_of_device, troubles_of_server

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from tools.demo.plants import Plant

PROVINCE: Final = "vi-du"
NAMES: Final = {"vi": "Tỉnh Ví Dụ", "en": "Example Province"}
CENTRE: Final = "ttdl"
"""The unit that operates what others own."""
LEAST_AGENTS: Final = 32
MOST_AGENTS: Final = 200


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of the province.

    Attributes:
        id: its id.
        kind: its kind.
        names: language -> name.
        weight: its share of the agents.
        neglect: 0-1, how badly its machines are looked after.
        parent: the unit that it is a part of, "" for none.
    """

    id: str
    kind: str
    names: dict[str, str]
    weight: int
    neglect: float
    parent: str = ""


@dataclass(frozen=True, slots=True)
class System:
    """An information system.

    Attributes:
        id: its id.
        owner: id of the unit that answers for it.
        level: 1-5.
        role: what it is for.
    """

    id: str
    owner: str
    level: int
    role: Role


@dataclass(frozen=True, slots=True)
class Machine:
    """A server or a device.

    Attributes:
        id: its id; that of its agent too, where one runs on it.
        unit: id of the unit that operates it.
        platform: what it runs.
        address: its address; agents serve their pages there.
        systems: what it serves.
        watched_by: agents that look at it from outside, none for a machine with an agent of its own.
        availability: when it can be expected to be looked at.
        troubles: what is wrong with it.
        plants: names of the faults that were put on it on purpose.
    """

    id: str
    unit: str
    platform: Platform
    address: str
    systems: tuple[System, ...]
    watched_by: tuple[str, ...] = ()
    availability: Availability = Availability.ALWAYS
    troubles: tuple[Trouble, ...] = ()
    plants: frozenset[str] = field(default_factory=frozenset)

    @property
    def level(self) -> int:
        """Return the highest level of its systems."""
        return max((system.level for system in self.systems), default=DEFAULT_LEVEL)

    @property
    def roles(self) -> tuple[Role, ...]:
        """Return the roles of its systems."""
        return tuple(sorted({system.role for system in self.systems})) or (Role.SERVER,)

    @property
    def host(self) -> str:
        """Return its name in the network."""
        return f"{self.id}.{PROVINCE}.example"

    def wrong(self, now: float) -> frozenset[str]:
        """Return the names of what is wrong with it at an instant, in Unix seconds."""
        return self.plants.union(trouble.name for trouble in self.troubles if trouble.is_active(now))


STRANGER: Final = Machine("camera-la", "", Platform.OTHER, "10.99.7.7", ())
"""A device that an agent reports and the inventory does not know."""


@dataclass(frozen=True, slots=True)
class World:
    """A province.

    Attributes:
        seed: what it was made from.
        start: Unix seconds of the demo's beginning; dates of certificates and of maintenance follow from it.
        units: its units.
        agents: machines with an agent that can be scraped.
        devices: machines that agents watch from outside.
        airgapped: machines with an agent in no network.
    """

    seed: int
    start: float
    units: tuple[Unit, ...]
    agents: tuple[Machine, ...]
    devices: tuple[Machine, ...]
    airgapped: tuple[Machine, ...]

    @property
    def machines(self) -> tuple[Machine, ...]:
        """Return every machine of the inventory."""
        return (*self.agents, *self.devices, *self.airgapped)

    @property
    def systems(self) -> tuple[System, ...]:
        """Return every system that some machine serves, each once."""
        return tuple(dict.fromkeys(system for machine in self.machines for system in machine.systems))

    def planted(self) -> list[tuple[Plant, Machine]]:
        """Return the faults that were put there on purpose, each with its machine."""
        return [
            (plant, machine) for plant in PLANTS for machine in self.machines if plant.name in machine.plants
        ]


_UNITS: Final = (
    Unit("so-kh-cn", "department", {"vi": "Sở Khoa học và Công nghệ", "en": "Science Department"}, 4, 0.12),
    Unit("so-tai-chinh", "department", {"vi": "Sở Tài chính", "en": "Finance Department"}, 4, 0.3),
    Unit("so-noi-vu", "department", {"vi": "Sở Nội vụ", "en": "Interior Department"}, 4, 0.5),
    Unit("so-y-te", "department", {"vi": "Sở Y tế", "en": "Health Department"}, 4, 0.75),
    Unit(CENTRE, "data-centre", {"vi": "Trung tâm Dữ liệu", "en": "Data Centre"}, 12, 0.2, "so-kh-cn"),
    Unit("xa-dong-xanh", "commune", {"vi": "Xã Đồng Xanh", "en": "Dong Xanh Commune"}, 2, 0.2),
    Unit("xa-suoi-trong", "commune", {"vi": "Xã Suối Trong", "en": "Suoi Trong Commune"}, 2, 0.4),
    Unit("xa-nui-da", "commune", {"vi": "Xã Núi Đá", "en": "Nui Da Commune"}, 2, 0.6),
    Unit("phuong-ben-song", "ward", {"vi": "Phường Bến Sông", "en": "Ben Song Ward"}, 3, 0.35),
    Unit("phuong-doi-thong", "ward", {"vi": "Phường Đồi Thông", "en": "Doi Thong Ward"}, 3, 0.6),
)
_CENTRAL: Final = (
    System("csdl-dung-chung", "so-kh-cn", 5, Role.DATABASE),
    System("cong-dich-vu-cong", "so-noi-vu", 4, Role.PUBLIC_SERVICE),
    System("lien-thong-van-ban", "so-noi-vu", 3, Role.DOCUMENT_EXCHANGE),
    System("chu-ky-so", "so-kh-cn", 3, Role.DIGITAL_SIGNATURE),
    System("thanh-toan", "so-tai-chinh", 4, Role.PAYMENT),
    System("hoc-truc-tuyen", "so-y-te", 2, Role.LEARNING),
)
"""What departments own and the data centre operates."""
_HIDING: Final = ("tls-timeout", "no-index")
_AIRGAPPED: Final = "airgapped"


def imagine(seed: int, agents: int, start: float) -> World:
    """Imagine a province.

    Args:
        seed: the same seed gives the same province.
        agents: how many agents it has, LEAST_AGENTS to MOST_AGENTS.
        start: Unix seconds.

    Returns:
        The province, with one machine at least for every planted fault.

    Raises:
        ValueError: there are too few or too many agents.
    """
    if not LEAST_AGENTS <= agents <= MOST_AGENTS:
        raise ValueError(f"{agents} agents; {LEAST_AGENTS} to {MOST_AGENTS} can be shown")
    chance = dice(seed, "world")
    counts = _apportion(agents, [unit.weight for unit in _UNITS])
    servers = [
        _server(chance, unit, index, number)
        for index, (unit, count) in enumerate(zip(_UNITS, counts, strict=True), 1)
        for number in range(1, count + 1)
    ]
    servers = _plant(chance, servers)
    return World(seed, start, _UNITS, tuple(servers), _devices(chance, servers), (_airgapped(),))


def _apportion(total: int, weights: Sequence[int]) -> list[int]:
    """Share out a number by weights, at least two each; the largest remainders are rounded up."""
    exact = [total * weight / sum(weights) for weight in weights]
    counts = [max(2, math.floor(share)) for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda index: counts[index] - exact[index])
    for index in by_remainder[: total - sum(counts)]:
        counts[index] += 1
    return counts


def _server(chance: random.Random, unit: Unit, index: int, number: int) -> Machine:
    local = unit.kind in ("commune", "ward")
    system = _system(unit, number)
    return Machine(
        id=f"{system.id}-{number}" if unit.id == CENTRE else f"{unit.id}-{number}",
        unit=unit.id,
        platform=Platform.LINUX,
        address=f"127.20.{index}.{number}",  # all of 127.0.0.0/8 is this host (RFC 1122 3.2.1.3)
        systems=(system,),
        availability=Availability.OFFICE if local else Availability.ALWAYS,
        troubles=troubles_of_server(chance, unit.neglect),
    )


def _system(unit: Unit, number: int) -> System:
    """Return what the unit's nth server serves."""
    if unit.id == CENTRE:
        return _CENTRAL[(number - 1) % len(_CENTRAL)]
    if unit.kind == "department":
        own = (
            System(f"{unit.id}-nghiep-vu", unit.id, 3, Role.DATABASE),
            System(f"{unit.id}-noi-bo", unit.id, 2, Role.SERVER),
        )
    else:
        own = (
            System(f"{unit.id}-mot-cua", unit.id, 2, Role.PUBLIC_SERVICE),
            System(f"{unit.id}-may-tram", unit.id, 1, Role.WORKSTATION),
        )
    return own[(number - 1) % 2]


def _plant(chance: random.Random, servers: list[Machine]) -> list[Machine]:
    """Put every planted fault on a machine of its own; those that fit few machines choose first."""
    free = list(servers)
    chance.shuffle(free)
    planted: dict[str, str] = {}
    for plant in sorted(PLANTS, key=lambda plant: not (plant.place or plant.role)):
        if plant.name != _AIRGAPPED:
            fitting = next(machine for machine in free if _fits(plant, machine))
            free.remove(fitting)
            planted[fitting.id] = plant.name
    return [
        _with_plant(machine, planted[machine.id]) if machine.id in planted else machine for machine in servers
    ]


def _with_plant(machine: Machine, plant: str) -> Machine:
    """Return a machine with a planted fault, and without troubles that would hide it."""
    troubles = tuple(trouble for trouble in machine.troubles if trouble.name not in _HIDING)
    return replace(machine, plants=frozenset({plant}), troubles=troubles)


def _fits(plant: Plant, machine: Machine) -> bool:
    in_need = machine.unit in SITES_IN_NEED
    central = machine.unit == CENTRE and machine.level < 5
    place = {"need": in_need, "centre": central, "": not in_need}[plant.place]
    return place and (plant.role is None or plant.role in machine.roles)


def _devices(chance: random.Random, servers: Sequence[Machine]) -> tuple[Machine, ...]:
    """Return the firewall of the data centre, a router of each local unit, and two that run no agent."""
    by_unit: dict[str, list[Machine]] = {}
    for server in servers:
        by_unit.setdefault(server.unit, []).append(server)
    numbers: Counter[str] = Counter()

    def device(unit: Unit, name: str, platform: Platform, systems: tuple[System, ...]) -> Machine:
        numbers[unit.id] += 1
        own = by_unit[unit.id]
        return Machine(
            id=f"{unit.id}-{name}",
            unit=unit.id,
            platform=platform,
            address=f"10.{20 + _UNITS.index(unit)}.0.{numbers[unit.id]}",
            systems=systems,
            watched_by=tuple(machine.id for machine in own[: 2 if unit.id == CENTRE else 1]),
            availability=own[0].availability,
            troubles=troubles_of_device(chance, unit.neglect),
        )

    found: list[Machine] = []
    for unit in _UNITS:
        own = by_unit[unit.id]
        served = tuple(dict.fromkeys(system for machine in own for system in machine.systems))
        if unit.id == CENTRE:
            found.append(device(unit, "tuong-lua", Platform.NETWORK, served))
        elif unit.kind == "department":
            found.append(device(unit, "may-chu-tep", Platform.WINDOWS, served[-1:]))
        else:
            found.append(device(unit, "router", Platform.NETWORK, served[:1]))
    return tuple(found)


def _airgapped() -> Machine:
    return Machine(
        id="ca-goc",
        unit=CENTRE,
        platform=Platform.LINUX,
        address="10.99.0.1",
        systems=(_CENTRAL[3],),
        availability=Availability.AIRGAPPED,
        plants=frozenset({_AIRGAPPED}),
    )
