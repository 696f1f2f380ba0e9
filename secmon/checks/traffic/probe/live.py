"""Capture on interfaces of this host: once for a while, or for ever in windows. Nothing is sent."""

from __future__ import annotations

import os
import select
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.checks.traffic.counters import Counters, Routes, is_blind, parse_counters, parse_routes
from secmon.checks.traffic.detectors.contract import Surroundings
from secmon.checks.traffic.known import read_known_sources
from secmon.checks.traffic.probe.report import tell_blind, tell_seen
from secmon.checks.traffic.probe.ring import RETIRE_MILLISECONDS, Ring
from secmon.checks.traffic.window import Seen, Sensor, Span
from secmon.core.contract import Unavailable
from secmon.core.model import Form, Reason

if TYPE_CHECKING:
    from secmon.core.contract import Emit, Task
    from secmon.core.model import Target

_SPARE_SECONDS: Final = 2.0
"""Kept of a run's deadline for telling what was seen."""

_LOOPBACK: Final = "lo"


@dataclass(frozen=True, slots=True)
class Handles:
    """What capturing needs, open.

    Attributes:
        task: what is to be done.
        rings: one for each target, or why there is none.
        counters: descriptor of /proc/net/dev.
        routes: descriptor of /proc/net/route.
    """

    task: Task
    rings: tuple[tuple[Target, Ring | Unavailable], ...]
    counters: int
    routes: int


@dataclass(slots=True)
class _Capture:
    """One interface that is being captured."""

    target: Target
    name: str
    ring: Ring
    sensor: Sensor
    counted: Counters
    since: float
    dropped: int = 0
    fault: int = 0
    blind: bool = False

    def pump(self) -> None:
        """Take what is ready."""
        self.fault = self.ring.fault() or self.fault
        self.sensor.feed(self.ring.frames())

    def close(self, now: float, counted: Counters | None) -> tuple[Seen, str]:
        """End the window and begin the next.

        Args:
            now: Unix seconds.
            counted: what the kernel has counted, None where the interface is gone.

        Returns:
            What was seen, and a sentence where the interface was not there all the time.
        """
        before = self.dropped
        self.ring.count()
        self.dropped = self.ring.dropped
        damage = Reason.NO_DATA if counted is None or self.fault else None
        seen = self.sensor.close(Span(self.name, self.since, now, self.dropped - before, damage))
        if counted is None:
            detail = f"{self.name} has gone"
        else:
            detail = f"{self.name} was down for a time: {os.strerror(self.fault)}" if self.fault else ""
            self.blind = not damage and self._is_blind(counted, seen)
            self.counted = counted
        self.since, self.fault = now, 0
        return seen, detail

    def _is_blind(self, counted: Counters, seen: Seen) -> bool:
        values = seen.facts[0].values
        frames = values["packets"] + values["dropped"]
        return is_blind(self.counted, counted, frames, values["bytes"], loopback=self.ring.loopback)


def acquire(task: Task) -> Handles:
    """Open a ring for each interface and the kernel's tables, reading nothing.

    Args:
        task: what is to be done; its targets are this host or its interfaces.

    Returns:
        The open handles.

    Raises:
        Unavailable: the kernel's tables of interfaces are not there.
    """
    try:
        counters = os.open("/proc/net/dev", os.O_RDONLY | os.O_CLOEXEC)
        routes = os.open("/proc/net/route", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Unavailable(
            Reason.UNSUPPORTED, f"{error.filename} cannot be opened ({error.strerror}): mount /proc"
        ) from error
    return Handles(task, tuple((target, _open_ring()) for target in task.targets), counters, routes)


def observe(handles: Handles, emit: Emit) -> None:
    """Capture on every interface of the task, once or for ever.

    Args:
        handles: what `acquire` opened.
        emit: where to tell what was seen, window by window.
    """
    captures, blind = _start(handles)
    settings, once = handles.task.settings, handles.task.once
    seconds = (
        min(settings["duration"], handles.task.deadline - _SPARE_SECONDS) if once else settings["window"]
    )
    while True:
        for target, _ in blind:
            emit.begin(target)
        for capture in captures:
            emit.begin(capture.target)
        for target, why in blind:
            tell_blind(emit, target, why)
        if not captures:  # nothing has proved that it can see: the canary stays unsaid
            return
        _pump_for(captures, max(seconds, 0.0), emit)
        if once:  # else what is still in the ring belongs to the next window
            _drain(captures)
        gone = _end_window(captures, handles.counters, emit)
        if once or gone:  # a ring does not find its interface again: whoever started us starts anew
            return


def _open_ring() -> Ring | Unavailable:
    try:
        return Ring()
    except PermissionError:
        return Unavailable(Reason.PERMISSION)
    except OSError as error:
        return Unavailable(Reason.UNSUPPORTED, f"this kernel gives no packet ring: {error.strerror}")


def _start(handles: Handles) -> tuple[list[_Capture], list[tuple[Target, Unavailable]]]:
    """Start every ring that can be started; returns them, and why the others cannot."""
    routes = parse_routes(_read(handles.routes))
    known = read_known_sources(handles.task.known_sources)
    captures: list[_Capture] = []
    blind: list[tuple[Target, Unavailable]] = []
    for target, ring in handles.rings:
        counters = parse_counters(_read(handles.counters))
        try:
            name = _interface_of(target, handles.task, routes, counters)
            if isinstance(ring, Unavailable):
                raise _explained(ring, name)
            now = time.time()
            ring.start(name)
        except Unavailable as why:
            blind.append((target, why))
        else:
            sensor = Sensor(Surroundings(routes.gateways), known)
            captures.append(_Capture(target, name, ring, sensor, counters[name], now))
    return captures, blind


def _explained(why: Unavailable, name: str) -> Unavailable:
    if why.reason is not Reason.PERMISSION:
        return why
    return Unavailable(
        why.reason, f"capturing on {name} needs CAP_NET_RAW: run as root or use the shipped unit"
    )


def _interface_of(target: Target, task: Task, routes: Routes, counters: dict[str, Counters]) -> str:
    """Return the name of the interface that a target means.

    Raises:
        Unavailable: there is no such interface.
    """
    if target.form is Form.INTERFACE:
        name = str(target.options["name"])
    else:
        others = (other for other in counters if other != _LOOPBACK and counters[other].frames)
        name = task.settings["interface"] or routes.interface or next(others, _LOOPBACK)
    if name not in counters:
        there = ", ".join(sorted(counters)) or "none"
        raise Unavailable(Reason.NO_DATA, f"there is no interface {name}; there are: {there}")
    return name


def _pump_for(captures: list[_Capture], seconds: float, emit: Emit) -> None:
    """Take frames for so long by the clock, however quiet the links are."""
    poll = select.poll()
    by_descriptor = {capture.ring.fileno(): capture for capture in captures}
    for descriptor in by_descriptor:
        poll.register(descriptor, select.POLLIN)
    start = time.monotonic()
    while (passed := time.monotonic() - start) < seconds:
        emit.progress(int(passed), int(seconds))
        for descriptor, _ in poll.poll(min(1.0, seconds - passed) * 1000):
            by_descriptor[descriptor].pump()


def _drain(captures: list[_Capture]) -> None:
    """Stop receiving and take what is still in the rings."""
    for capture in captures:
        capture.ring.stop()
    time.sleep(2 * RETIRE_MILLISECONDS / 1000)
    for capture in captures:
        capture.pump()


def _end_window(captures: list[_Capture], table: int, emit: Emit) -> bool:
    """Tell what each capture saw; returns whether an interface is gone."""
    now = time.time()
    counters = parse_counters(_read(table))
    seen = [capture.close(now, counters.get(capture.name)) for capture in captures]
    blind = ", ".join(capture.name for capture in captures if capture.blind)
    # Before the observations end: the last end is the end of the window for whoever reads it.
    if blind:
        emit.canary(Reason.PACKET_LOSS, f"{blind} counted far more frames than the capture saw")
    else:
        emit.canary(None)
    for capture, (saw, detail) in zip(captures, seen, strict=True):
        tell_seen(emit, capture.target, saw, detail)
    return any(capture.name not in counters for capture in captures)


def _read(descriptor: int) -> str:
    """Return what a file of /proc says now."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    pieces = []
    while piece := os.read(descriptor, 65536):
        pieces.append(piece)
    return b"".join(pieces).decode("ascii", "replace")
