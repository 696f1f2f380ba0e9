"""Look at the ports of other hosts, gently.

A run takes all hosts together through its phases: ask UDP ports, measure TCP ports, confirm those whose
answer proves nothing, ask open ones what they serve, tell. A target of which nothing more can be learnt is
told at once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from secmon.checks.ports import exclusions, portlist, udpprobes
from secmon.checks.ports.probe import identify, loopback, tcp
from secmon.checks.ports.probe.confirm import HOLD_SECONDS, confirm
from secmon.checks.ports.probe.engine import ConnectEngine
from secmon.checks.ports.probe.looks import Look, Terms, make_lanes, make_udp_lanes, plan, total_pace
from secmon.checks.ports.probe.udp import UdpEngine
from secmon.checks.ports.services import values
from secmon.checks.ports.sweep import ANSWERS, Place, State, conclude, nearly_all_open
from secmon.core.contract import Unavailable
from secmon.core.model import Completeness, Reason
from secmon.sources import net

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from secmon.checks.ports.probe.lane import Lane
    from secmon.checks.ports.sweep import Identified
    from secmon.core.contract import Emit, Task
    from secmon.core.model import Target

_Read = TypeVar("_Read")
_KIND: Final = "port"
_PROGRESS_SECONDS: Final = 0.2
_RESERVE: Final = 0.25
_RESERVE_SECONDS: Final = 20.0
"""Time that is left to what follows measuring: else a wide look would find ports and know none of them."""


@dataclass(frozen=True, slots=True)
class Handles:
    """What `observe` works with.

    Attributes:
        targets: what is to be looked at.
        terms: what the run may do.
        canary: a loopback listener, None where none could be opened.
        fingerprints: by which services are known.
        tcp: what SYNs are sent with, or why there is nothing.
    """

    targets: tuple[Target, ...]
    terms: Terms
    canary: loopback.Listener
    fingerprints: identify.FingerprintHandles
    tcp: tcp.TcpHandles


def acquire(task: Task) -> Handles:
    """Read the settings, learn this host's addresses, open the canary.

    Raises:
        Unavailable: a setting cannot be read, or this host's addresses are not told.
    """
    terms = _read_terms(task)
    fingerprints = identify.acquire(task)
    return Handles(task.targets, terms, loopback.open_listener(), fingerprints, tcp.acquire())


def _read_terms(task: Task) -> Terms:
    # A tenth of the time, at most two seconds, is kept back for telling.
    deadline = time.monotonic() + task.deadline - min(2.0, task.deadline / 10)
    ports = _read(task, "ports", portlist.parse)
    wide = frozenset(portlist.parse("top")).issubset(ports)
    return Terms(
        ports=ports,
        udp_ports=_read(task, "udp_ports", partial(udpprobes.wanted, wide=wide)),
        rate=int(task.settings["rate"]),
        exclusions=_read(task, "exclude", exclusions.parse),
        gate=net.Gate(task.allowed_networks, net.own_addresses()),
        seed=task.now,
        deadline=deadline,
    )


def _read(task: Task, name: str, parse: Callable[[Any], _Read]) -> _Read:
    """Read a setting."""
    try:
        return parse(task.settings[name])
    except ValueError as error:
        raise Unavailable(Reason.NOT_CONFIGURED, f"checks.ports.{name}: {error}.") from error


def observe(handles: Handles, emit: Emit) -> None:
    """Measure every target and tell it."""
    for target in handles.targets:
        emit.begin(target)
    loopback.tell(handles.canary, handles.terms.gate, handles.terms.deadline, emit)
    looks = [look for target in handles.targets if (look := _planned(target, handles.terms, emit))]
    _Run(looks, handles, emit).measure()


class _Run:
    """The targets of a run, and what each may still be told of."""

    def __init__(self, looks: Sequence[Look], handles: Handles, emit: Emit) -> None:
        self._looks = looks
        self._terms = terms = handles.terms
        self._fingerprints = handles.fingerprints
        self._tcp = handles.tcp
        self._identified: Identified = {}
        self._note = ""
        self._emit = emit
        self._lanes = make_lanes(looks, terms)
        self._udp_lanes = make_udp_lanes(looks, self._lanes, terms)
        self._total = sum(len(lane.ports) for lane in self._all_lanes)
        self._next_progress = 0.0

    def measure(self) -> None:
        """Go through the phases, and tell all."""
        deadline, pace, limit = (
            self._terms.deadline,
            total_pace(self._lanes, self._terms),
            loopback.descriptors(),
        )
        # UDP first: its ports are few, and a deadline cuts off the rest.
        UdpEngine(pace, limit).run(self._udp_lanes, deadline, self._lane_done, self._progress)
        engine = tcp.TcpEngine(self._tcp, pace, limit)
        self._note = engine.note
        left = deadline - time.monotonic()
        measured = deadline - min(_RESERVE_SECONDS, left * _RESERVE)
        engine.run(self._lanes, measured, self._lane_done, self._progress)
        confirm(self._lanes, ConnectEngine(pace, limit, HOLD_SECONDS), deadline, self._progress)
        self._identify(identify.Identifier(self._fingerprints, pace, limit))
        for look in self._looks:
            self._tell(look)

    def _identify(self, identifier: identify.Identifier) -> None:
        """Ask open ports what they serve; on one address by the name of the first target there."""
        hosts = {id(lane): look.host for look in reversed(self._looks) for lane in look.all_lanes}
        opened = State.OPEN  # looked up once, not for each of 65,535 ports
        work = [
            (identify.Open(lane.address, "tcp", port, hosts[id(lane)]), lane.pace, lane.permit)
            for lane in self._lanes
            if not nearly_all_open(lane.states)
            for port, state in lane.states.items()
            if state is opened
        ]
        work += [
            (identify.Open(lane.address, "udp", port, hosts[id(lane)], reply), lane.pace, lane.permit)
            for lane in self._udp_lanes
            for port, reply in lane.replies.items()
        ]
        found = identifier.run(work, self._terms.deadline, self._progress)
        self._identified = {
            Place(item.address, item.proto, item.port): known if isinstance(known, Reason) else values(known)
            for item, known in found.items()
        }
        self._note = " ".join(filter(None, (self._note, identifier.detail)))

    @property
    def _all_lanes(self) -> tuple[Lane, ...]:
        return (*self._lanes, *self._udp_lanes)

    def _lane_done(self, lane: Lane) -> None:
        """Tell the targets that wait for nothing else."""
        for look in self._looks:
            if any(lane is own for own in look.all_lanes):
                look.left -= 1
                if not look.left and not any(_answers(own) for own in look.all_lanes):
                    self._tell(look)

    def _tell(self, look: Look) -> None:
        if look.told:
            return
        look.told = True
        conclusion = conclude(
            look.host, look.seen(self._terms), self._identified, narrow=look.narrow, note=self._note
        )
        reason = conclusion.reason
        self._emit.facts(look.target, conclusion.facts)
        self._emit.end(look.target, {_KIND: reason}, conclusion.completeness, reason, conclusion.detail)

    def _progress(self) -> None:
        """Tell a terminal how many ports are measured, a few times a second."""
        now = time.monotonic()
        if now >= self._next_progress:
            self._next_progress = now + _PROGRESS_SECONDS
            self._emit.progress(sum(len(lane.states) for lane in self._all_lanes), self._total)


def _planned(target: Target, terms: Terms, emit: Emit) -> Look | None:
    """Resolve a target; None where it ends here, and was told."""
    try:
        return plan(target, terms)
    except Unavailable as refusal:
        emit.end(target, {_KIND: refusal.reason}, Completeness.FAILED, refusal.reason, refusal.detail)
        return None


def _answers(lane: Lane) -> bool:
    return not ANSWERS.isdisjoint(lane.states.values())
