"""Find out which addresses of a network answer, and hold them against the inventory."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from secmon.checks.ports import devices, exclusions
from secmon.checks.ports.pace import Pace
from secmon.checks.ports.probe import echoes, loopback
from secmon.checks.ports.probe.engine import ConnectEngine
from secmon.checks.ports.probe.lane import Lane
from secmon.checks.ports.probe.neighbours import Neighbours
from secmon.core.contract import Unavailable
from secmon.core.inventoryfile import read_inventory
from secmon.core.model import Completeness, Reason
from secmon.core.texts import cut
from secmon.sources import files, net, yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    from secmon.checks.ports.exclusions import Exclusion
    from secmon.core.contract import Emit, Task
    from secmon.core.model import Target

    Work: TypeAlias = tuple[str, Callable[[], None]]

_KIND: Final = "device"
_TOTAL_RATE: Final = 1000
_HOST_RATE: Final = 100
_PORTS: Final = (443, 80, 22, 445, 3389)
_PROGRESS_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Handles:
    """What `observe` works with.

    Attributes:
        task: what was asked for.
        gate: decides which addresses may be spoken to.
        excluded: what nobody may touch.
        own: this host's addresses.
        echo: sockets for echoes.
        canary: a loopback listener, None where none could be opened.
        inventories: path and open file of each, or why it could not be opened.
        deadline: seconds of time.monotonic() at which everything must have been told.
    """

    task: Task
    gate: net.Gate
    excluded: tuple[Exclusion, ...]
    own: frozenset[str]
    echo: echoes.Handles
    canary: loopback.Listener
    inventories: tuple[tuple[str, int], ...]
    deadline: float


def acquire(task: Task) -> Handles:
    """Open sockets and the inventory.

    Raises:
        Unavailable: a setting or the inventory cannot be read, or this host's addresses are not told.
    """
    deadline = time.monotonic() + task.deadline - min(2.0, task.deadline / 10)
    try:
        excluded = exclusions.parse(task.settings["exclude"])
    except ValueError as error:
        raise Unavailable(Reason.NOT_CONFIGURED, f"checks.ports.exclude: {error}.") from error
    own = net.own_addresses()
    gate = net.Gate(task.allowed_networks, own)
    inventories = tuple((str(path), files.open_regular(str(path))) for path in task.settings["inventory"])
    return Handles(
        task, gate, excluded, own, echoes.acquire(), loopback.open_listener(), inventories, deadline
    )


def observe(handles: Handles, emit: Emit) -> None:
    """Ask every network and tell it."""
    for target in handles.task.targets:
        emit.begin(target)
    loopback.tell(handles.canary, handles.gate, handles.deadline, emit)
    try:
        known = _known(handles.inventories)
    except Unavailable as why:
        for target in handles.task.targets:
            emit.end(target, {_KIND: why.reason}, Completeness.FAILED, why.reason, why.detail)
        return
    for target in handles.task.targets:
        _Discovery(handles, emit, target, known).run()


def _known(inventories: Iterable[tuple[str, int]]) -> dict[str, str] | None:
    """Return the addresses of the inventories: address -> asset; None where there is none."""
    known: dict[str, str] | None = None
    for path, descriptor in inventories:
        known = known if known is not None else {}
        document = yaml.read(files.read_all(descriptor, yaml.SIZE_LIMIT, path), path)
        inventory, faults = read_inventory(document.value, path) if not document.faults else (None, [])
        if inventory is None:
            first = next(iter([*document.faults, *faults]))
            raise Unavailable(Reason.BAD_DATA, cut(f"The inventory cannot be read: {first}"))
        for asset in inventory.in_service(time.time()):
            known |= dict.fromkeys(asset.addresses, asset.id)
    return known


class _Discovery:
    """One network."""

    def __init__(self, handles: Handles, emit: Emit, target: Target, known: dict[str, str] | None) -> None:
        self._handles = handles
        self._emit = emit
        self._target = target
        self._known = known
        self._network = str(target.options["network"])
        self._total = Pace(max(_TOTAL_RATE, int(handles.task.settings["rate"])))
        self._found: dict[str, devices.Answer] = {}
        self._silent: set[str] = set()
        self._wanted = 0
        self._next_progress = 0.0

    def run(self) -> None:
        """Ask for neighbours on the link, all others for an echo, and the silent ones by TCP; then tell."""
        neighbours = Neighbours(self._total)
        heard = [*neighbours.heard(), *(self._known or ())]
        wanted = devices.candidates(self._network, heard)
        self._wanted = len(wanted)
        own = self._handles.own.intersection(wanted)
        self._found |= {address: devices.Answer(("own",)) for address in own}
        work, refused = self._permitted(address for address in wanted if address not in own)
        if not work and refused:
            self._end(Reason.NOT_ALLOWED, refused)
            return
        random.Random(self._handles.task.now).shuffle(work)  # noqa: S311  # an order, not a secret
        on_link = [item for item in work if neighbours.is_on_link(item[0])]
        up, down = neighbours.run(on_link, self._handles.deadline, self._progress)
        self._found |= {
            address: devices.Answer(("arp",), hardware.hex(":")) for address, hardware in up.items()
        }
        self._silent |= down
        self._ask_routed([item for item in work if item[0] not in self._found and item[0] not in down])
        left = len(work) - sum(item[0] in self._found or item[0] in self._silent for item in work)
        if left:
            self._end(
                Reason.TIMEOUT,
                f"{left} of {len(work)} addresses were not asked before the deadline; name "
                "a smaller network, or raise the deadline.",
            )
        else:
            self._end(Reason.NOT_ALLOWED if refused else None, refused)

    def _permitted(self, addresses: Iterable[str]) -> tuple[list[Work], str]:
        """Return the addresses that may be asked, each with the gate, and why others may not."""
        named = bool(self._target.options.get("named"))
        work: list[Work] = []
        refused = ""
        for address in addresses:
            why = self._refusal(address, named=named)
            if why:
                refused = refused or why
                continue
            work.append((address, partial(self._handles.gate.check, address, named=named)))
        return work, refused

    def _refusal(self, address: str, *, named: bool) -> str:
        """Say why an address may not be asked, "" where it may."""
        entry = exclusions.whole(self._handles.excluded, address)
        if entry is not None:
            return f"{address} is in checks.ports.exclude ({entry.text})."
        try:
            self._handles.gate.check(address, named=named)
        except Unavailable as why:
            return why.detail
        return ""

    def _ask_routed(self, work: list[Work]) -> None:
        answered = echoes.Echoes(self._handles.echo, self._total).run(
            work, self._handles.deadline, self._progress
        )
        self._found |= {address: devices.Answer(("icmp",)) for address in answered}
        self._ask_ports([item for item in work if item[0] not in answered])

    def _ask_ports(self, work: list[Work]) -> None:
        """Try a few TCP ports of those that gave no echo."""
        lanes = [Lane(address, Pace(_HOST_RATE), permit, _PORTS) for address, permit in work]
        engine = ConnectEngine(self._total, loopback.descriptors())
        engine.run(lanes, self._handles.deadline, self._lane_done, self._progress)

    def _lane_done(self, lane: Lane) -> None:
        if lane.alive:
            self._found[lane.address] = devices.Answer(("tcp",))
        else:
            self._silent.add(lane.address)

    def _end(self, reason: Reason | None, detail: str) -> None:
        facts = devices.facts_of(self._network, self._found, self._silent, self._known)
        failed = Completeness.PARTIAL if facts else Completeness.FAILED
        self._emit.facts(self._target, facts)
        self._emit.end(self._target, {_KIND: reason}, failed if reason else Completeness.OK, reason, detail)

    def _progress(self) -> None:
        now = time.monotonic()
        if now >= self._next_progress:
            self._next_progress = now + _PROGRESS_SECONDS
            self._emit.progress(len(self._found) + len(self._silent), self._wanted)
