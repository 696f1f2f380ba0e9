"""Look at the TCP ports of other hosts by connecting to them, gently."""

from __future__ import annotations

import resource
import socket
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from secmon.checks.ports import portlist
from secmon.checks.ports.pace import Pace
from secmon.checks.ports.probe.engine import ConnectEngine
from secmon.checks.ports.probe.lane import Lane
from secmon.checks.ports.sweep import OF_THE_HOST, Seen, State, conclude
from secmon.core.contract import Unavailable
from secmon.core.model import Completeness, Form, Platform, Reason
from secmon.core.texts import cut
from secmon.sources import net

if TYPE_CHECKING:
    from collections.abc import Sequence

    from secmon.core.contract import Emit, Task
    from secmon.core.model import Target

_KIND: Final = "port"
_RATE: Final = {Platform.NETWORK.value: 20}  # packets per second and host: small routers crash above
_DEFAULT_RATE: Final = 100
_TOTAL_RATE: Final = 1000
_TOP: Final = frozenset(portlist.parse("top"))
_ADDRESSES: Final = 16  # of one name
_SPARE_DESCRIPTORS: Final = 64
_IN_FLIGHT: Final = 4096
_CANARY_SECONDS: Final = 5.0
_PROGRESS_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Handles:
    """What `observe` works with.

    Attributes:
        task: what was asked for.
        ports: ports of a target that is a host.
        gate: decides which addresses may be spoken to.
        canary: a loopback listener, None where none could be opened.
        deadline: seconds of time.monotonic() at which the run must have told everything.
    """

    task: Task
    ports: tuple[int, ...]
    gate: net.Gate
    canary: socket.socket | None
    deadline: float


@dataclass(slots=True)
class _Look:
    """One target under way.

    Attributes:
        target: the target.
        host: as the target names it.
        ports: ports to measure.
        addresses: of the host.
        lanes: one for each address.
        left: lanes that are not done.
        narrow: the run looks at no host of the asset widely.
    """

    target: Target
    host: str
    ports: tuple[int, ...]
    addresses: tuple[str, ...]
    lanes: list[Lane] = field(default_factory=list)
    left: int = 0
    narrow: bool = True


def acquire(task: Task) -> Handles:
    """Read the settings, learn this host's addresses, open the canary.

    Raises:
        Unavailable: the ports cannot be read, or this host's addresses are not told.
    """
    # A tenth of the time, at most two seconds, is kept back for telling.
    deadline = time.monotonic() + task.deadline - min(2.0, task.deadline / 10)
    try:
        ports = portlist.parse(str(task.settings["ports"]))
    except ValueError as error:
        raise Unavailable(Reason.NOT_CONFIGURED, f"checks.ports.ports: {error}.") from error
    gate = net.Gate(task.allowed_networks, net.own_addresses())
    try:
        canary = socket.create_server(("127.0.0.1", 0))
    except OSError:
        canary = None
    return Handles(task, ports, gate, canary, deadline)


def observe(handles: Handles, emit: Emit) -> None:
    """Measure every target and tell each as soon as it is done."""
    for target in handles.task.targets:
        emit.begin(target)
    _tell_canary(handles, emit)
    looks = [look for target in handles.task.targets if (look := _planned(target, handles, emit))]
    swept = {look.target.asset for look in looks if _TOP.issubset(look.ports)}
    for look in looks:
        look.narrow = look.target.asset not in swept
    lanes = _lanes(looks, handles)
    rate = int(handles.task.settings["rate"])
    engine = ConnectEngine(Pace(max(_TOTAL_RATE, rate * len(lanes))), _descriptors())
    engine.run(lanes, handles.deadline, partial(_lane_done, looks, emit), _Progress(emit, lanes))
    for look in looks:
        if look.left:
            _tell(look, emit)


class _Progress:
    """Tells a terminal how many ports are measured, a few times a second."""

    def __init__(self, emit: Emit, lanes: Sequence[Lane]) -> None:
        self._emit = emit
        self._lanes = lanes
        self._total = sum(len(lane.ports) for lane in lanes)
        self._next = 0.0

    def __call__(self) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PROGRESS_SECONDS
            self._emit.progress(sum(len(lane.states) for lane in self._lanes), self._total)


def _planned(target: Target, handles: Handles, emit: Emit) -> _Look | None:
    """Resolve a target; None where it ends here, and was told."""
    try:
        return _plan(target, handles)
    except Unavailable as refusal:
        emit.end(target, {_KIND: refusal.reason}, Completeness.FAILED, refusal.reason, refusal.detail)
        return None


def _plan(target: Target, handles: Handles) -> _Look:
    if target.form is Form.NETWORK:
        raise Unavailable(
            Reason.UNSUPPORTED, "Whole networks are not looked at; name their hosts as targets."
        )
    if time.monotonic() >= handles.deadline:
        raise Unavailable(
            Reason.TIMEOUT, "The deadline passed while names were resolved; check the resolver."
        )
    host = str(target.options["host"])
    ports = (int(target.options["port"]),) if target.form is Form.ENDPOINT else handles.ports
    addresses = net.resolve(host)
    if len(addresses) > _ADDRESSES:
        raise Unavailable(
            Reason.RESOURCE_LIMIT,
            f"The name has {len(addresses)} addresses, more than {_ADDRESSES}; name the addresses wanted.",
        )
    return _Look(target, cut(host), ports, addresses)


def _lanes(looks: Sequence[_Look], handles: Handles) -> list[Lane]:
    """Make one lane for each address, so that targets on one address share its budget and its answers."""
    by_address: dict[str, list[_Look]] = {}
    for look in looks:
        for address in look.addresses:
            by_address.setdefault(address, []).append(look)
    lanes = []
    for address, sharing in by_address.items():
        named = any(look.target.options.get("named") for look in sharing)
        few_first = sorted(sharing, key=lambda look: len(look.ports))  # a deadline cuts off the widest look
        ports = dict.fromkeys(port for look in few_first for port in look.ports)
        lane = Lane(
            address=address,
            pace=Pace(
                int(handles.task.settings["rate"]) or min(_default_rate(look.target) for look in sharing)
            ),
            permit=partial(handles.gate.check, address, named=named),
            ports=tuple(ports),
        )
        lanes.append(lane)
        for look in sharing:
            look.lanes.append(lane)
            look.left += 1
    return lanes


def _default_rate(target: Target) -> int:
    return _RATE.get(str(target.options.get("platform")), _DEFAULT_RATE)


def _lane_done(looks: Sequence[_Look], emit: Emit, lane: Lane) -> None:
    """Tell the targets whose last lane this was."""
    for look in looks:
        if any(lane is own for own in look.lanes):
            look.left -= 1
            if not look.left:
                _tell(look, emit)


def _tell(look: _Look, emit: Emit) -> None:
    wanted = frozenset(look.ports)
    seen = [_seen(lane, wanted) for lane in look.lanes]
    conclusion = conclude(look.host, look.ports, seen, narrow=look.narrow)
    emit.facts(look.target, conclusion.facts)
    emit.end(
        look.target, {_KIND: conclusion.reason}, conclusion.completeness, conclusion.reason, conclusion.detail
    )


def _seen(lane: Lane, ports: frozenset[int]) -> Seen:
    """Return what a lane met on some of its ports."""
    states = {port: state for port, state in lane.states.items() if port in ports}
    alive = not OF_THE_HOST.isdisjoint(lane.states.values())
    return Seen(lane.address, states, lane.failure, lane.detail, alive)


def _tell_canary(handles: Handles, emit: Emit) -> None:
    """Find a loopback listener with the same engine, then close it: it is no fact."""
    if handles.canary is None:
        emit.canary(Reason.UNREACHABLE, "No socket could be opened on 127.0.0.1; bring loopback up.")
        return
    with handles.canary as listener:
        address, port = listener.getsockname()
        permit = partial(handles.gate.check, address)
        lane = Lane(address, Pace(_DEFAULT_RATE), permit, (port,))
        engine = ConnectEngine(Pace(_TOTAL_RATE), _descriptors())
        deadline = min(handles.deadline, time.monotonic() + _CANARY_SECONDS)
        engine.run([lane], deadline, lambda _: None, lambda: None)
    if lane.states.get(port) is State.OPEN:
        emit.canary(None)
    else:
        emit.canary(Reason.NO_DATA, f"An open port of this host was not found open. {lane.detail}".strip())


def _descriptors() -> int:
    """Return how many connects may be under way."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        _IN_FLIGHT if soft == resource.RLIM_INFINITY else max(1, min(_IN_FLIGHT, soft - _SPARE_DESCRIPTORS))
    )
