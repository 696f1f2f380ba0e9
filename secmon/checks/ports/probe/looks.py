"""Plan a run: resolve the targets, and give each address one lane with its budget.

Ports are tried in an order of this run's own, and hosts begin at places of their own in it, and at moments of
their own, so that no port is always first, and neighbours are not asked for the same thing at the same time.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

from secmon.checks.ports import exclusions, portlist, udpprobes
from secmon.checks.ports.pace import Pace
from secmon.checks.ports.probe.lane import Lane
from secmon.checks.ports.probe.udp import UdpLane
from secmon.checks.ports.sweep import Seen
from secmon.core.contract import Unavailable
from secmon.core.model import Form, Platform, Reason
from secmon.core.texts import cut
from secmon.sources import net

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from secmon.checks.ports.exclusions import Exclusion
    from secmon.checks.ports.sweep import State
    from secmon.core.model import Target

_RATE: Final = {Platform.NETWORK.value: 20}  # packets per second and host: small routers crash above
_DEFAULT_RATE: Final = 100
_TOTAL_RATE: Final = 1000
_TOP: Final = frozenset(portlist.parse("top"))
_TOP_UDP: Final = frozenset(udpprobes.PORTS)
_ADDRESSES: Final = 16  # of one name


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run may do.

    Attributes:
        ports: TCP ports of a target that is a host.
        udp_ports: UDP ports of such a target.
        rate: packets per second and host, 0 for the default of its platform.
        exclusions: what nobody may touch.
        gate: decides which addresses may be spoken to.
        seed: of this run's order.
        deadline: seconds of time.monotonic() at which everything must have been told.
    """

    ports: tuple[int, ...]
    udp_ports: tuple[int, ...]
    rate: int
    exclusions: tuple[Exclusion, ...]
    gate: net.Gate
    seed: float
    deadline: float


@dataclass(slots=True, eq=False)
class Look:
    """One target under way.

    Attributes:
        target: the target.
        host: as the target names it.
        ports: TCP ports that are wanted.
        udp_ports: UDP ports that are wanted.
        addresses: of the host.
        lanes: one for each address.
        udp_lanes: the same, where UDP ports are wanted.
        narrow: the run looks at no host of the asset widely.
        left: lanes that are not done.
        told: the target was told.
    """

    target: Target
    host: str
    ports: tuple[int, ...]
    udp_ports: tuple[int, ...]
    addresses: tuple[str, ...]
    lanes: list[Lane] = field(default_factory=list)
    udp_lanes: list[UdpLane] = field(default_factory=list)
    narrow: bool = True
    left: int = 0
    told: bool = False

    def seen(self, terms: Terms) -> list[Seen]:
        """Return what its addresses showed; what answers over one protocol is alive for the other."""
        alive = {lane.address for lane in self.all_lanes if lane.alive}
        return [
            Seen(
                address=lane.address,
                asked=ports,
                states=_among(lane, ports, terms),
                failure=lane.failure,
                detail=lane.detail,
                alive=lane.address in alive,
                proto=proto,
                excluded=exclusions.ports(terms.exclusions, lane.address, ports),
            )
            for proto, lanes, ports in (
                ("tcp", self.lanes, self.ports),
                ("udp", self.udp_lanes, self.udp_ports),
            )
            for lane in lanes
        ]

    @property
    def all_lanes(self) -> tuple[Lane, ...]:
        """Return the lanes of both protocols."""
        return (*self.lanes, *self.udp_lanes)

    @property
    def wide(self) -> bool:
        """Tell whether it says enough of the host to judge it."""
        return _TOP.issubset(self.ports) and _TOP_UDP.issubset(self.udp_ports)


def plan(target: Target, terms: Terms) -> Look:
    """Resolve a target.

    Raises:
        Unavailable: it cannot be looked at.
    """
    if time.monotonic() >= terms.deadline:
        raise Unavailable(
            Reason.TIMEOUT, "The deadline passed while names were resolved; check the resolver."
        )
    host = str(target.options["host"])
    single = target.form is Form.ENDPOINT
    ports = (int(target.options["port"]),) if single else terms.ports
    addresses = net.resolve(host)
    if len(addresses) > _ADDRESSES:
        raise Unavailable(
            Reason.RESOURCE_LIMIT,
            f"The name has {len(addresses)} addresses, more than {_ADDRESSES}; name the addresses wanted.",
        )
    return Look(target, cut(host), ports, () if single else terms.udp_ports, addresses)


def make_lanes(looks: Sequence[Look], terms: Terms) -> list[Lane]:
    """Make one TCP lane for each address, so that targets on one address share its budget and its answers."""
    swept = {look.target.asset for look in looks if look.wide}
    for look in looks:
        look.narrow = look.target.asset not in swept
    lanes = [_lane(address, sharing, terms) for address, sharing in _by_address(looks).items()]
    random.Random(terms.seed).shuffle(lanes)  # noqa: S311  # an order, not a secret
    return lanes


def make_udp_lanes(looks: Sequence[Look], lanes: Sequence[Lane], terms: Terms) -> list[UdpLane]:
    """Make one UDP lane for each address whose UDP ports are wanted; it has the budget of its TCP lane."""
    by_address = _by_address(look for look in looks if look.udp_ports)
    made: list[UdpLane] = []
    for lane in lanes:
        if not (sharing := by_address.get(lane.address)):
            continue
        order = random.Random(f"{terms.seed} {lane.address} udp")  # noqa: S311  # an order, not a secret
        wanted = order.sample(terms.udp_ports, len(terms.udp_ports))
        forbidden = exclusions.ports(terms.exclusions, lane.address, wanted)
        ports = tuple(port for port in wanted if port not in forbidden)
        made.append(UdpLane(lane.address, lane.pace, lane.permit, ports))
        for look in sharing:
            look.udp_lanes.append(made[-1])
            look.left += 1
    return made


def total_pace(lanes: Sequence[Lane], terms: Terms) -> Pace:
    """Return the budget over all hosts."""
    return Pace(max(_TOTAL_RATE, terms.rate * len(lanes)))


def _by_address(looks: Iterable[Look]) -> dict[str, list[Look]]:
    sharing: dict[str, list[Look]] = {}
    for look in looks:
        for address in look.addresses:
            sharing.setdefault(address, []).append(look)
    return sharing


def _lane(address: str, sharing: Sequence[Look], terms: Terms) -> Lane:
    """Make the lane of an address that some targets share."""
    order = random.Random(f"{terms.seed} {address}")  # noqa: S311  # an order, not a secret
    wanted: dict[int, None] = {}
    for look in sorted(sharing, key=lambda look: len(look.ports)):  # a deadline cuts off the widest look
        start = order.randrange(len(look.ports))
        shuffled = _shuffled(look.ports, terms.seed)
        wanted.update(dict.fromkeys((*shuffled[start:], *shuffled[:start])))
    forbidden = exclusions.ports(terms.exclusions, address, wanted)
    named = any(look.target.options.get("named") for look in sharing)
    rate = terms.rate or min(_default_rate(look.target) for look in sharing)
    lane = Lane(
        address=address,
        pace=Pace(rate, time.monotonic() + order.random() / rate),
        permit=partial(_permit, address, terms, named=named),
        ports=tuple(port for port in wanted if port not in forbidden) if forbidden else tuple(wanted),
    )
    for look in sharing:
        look.lanes.append(lane)
        look.left += 1
    return lane


@lru_cache(maxsize=4)  # most looks want the same ports, and shuffling all 65,535 takes its time
def _shuffled(ports: tuple[int, ...], seed: float) -> tuple[int, ...]:
    return tuple(random.Random(seed).sample(ports, len(ports)))  # noqa: S311  # an order, not a secret


def _among(lane: Lane, ports: Sequence[int], terms: Terms) -> Mapping[int, State]:
    """Return what a lane met on the ports of one of its looks."""
    if len(ports) == len(lane.ports) and not terms.exclusions:  # then they are the same ports
        return lane.states
    return {port: lane.states[port] for port in ports if port in lane.states}


def _default_rate(target: Target) -> int:
    return _RATE.get(str(target.options.get("platform")), _DEFAULT_RATE)


def _permit(address: str, terms: Terms, *, named: bool) -> None:
    """Let packets to an address pass, or say why not; nobody's wish overrides an exclusion."""
    if entry := exclusions.whole(terms.exclusions, address):
        raise Unavailable(
            Reason.NOT_ALLOWED, f"checks.ports.exclude forbids to touch {address} ({entry.text})."
        )
    terms.gate.check(address, named=named)
