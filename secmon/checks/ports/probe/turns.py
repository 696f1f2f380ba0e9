"""Let lanes take turns in one thread: who may send within the budgets, what was answered, what is due."""

from __future__ import annotations

import heapq
import itertools
import os
import select
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from secmon.checks.ports.pace import Pace
    from secmon.checks.ports.probe.lane import Lane

_NAP_SECONDS: Final = 0.003  # waking for each packet would cost more than the packets


@dataclass(slots=True, eq=False)
class Turn(ABC):
    """What is left to do of a lane; engines add what.

    Attributes:
        lane: the lane.
        in_flight: ports that are being asked.
        scouting: nothing is known of the way to the host. Its first packet goes alone, or the kernel would
            keep all that go before the neighbour is found (RFC 826), and then let them go at once.
        queued: stands in the heap of those that may send.
    """

    lane: Lane
    in_flight: int = 0
    scouting: bool = True
    queued: bool = False

    @property
    @abstractmethod
    def has_packets(self) -> bool:
        """Tell whether there is something to send."""


class Timed(Protocol):
    """Something that is asked of a port.

    Attributes:
        due: when it is to be looked at though nothing happened; a time that was noted before counts no more.
    """

    due: float


_Track = TypeVar("_Track", bound=Turn)
_Asked = TypeVar("_Asked", bound=Timed)


class Turns(ABC, Generic[_Track, _Asked]):
    """One run over some lanes, each with a budget of its own.

    Args:
        total: the budget over all lanes.
        limit: sockets open at a time at most.
        finished: called once with each lane, as soon as it is done.
    """

    def __init__(self, total: Pace, limit: int, finished: Callable[[Lane], None]) -> None:
        self._total = total
        self._limit = limit
        self._finished = finished
        self._order = itertools.count()
        self._unfinished: set[_Track] = set()
        self._ready: list[tuple[float, int, _Track]] = []  # heap, by when each may send
        self._timers: list[tuple[float, int, _Asked]] = []  # heap; out of date where `due` says otherwise
        self._open: dict[int, _Asked] = {}  # by descriptor
        self._epoll = select.epoll()

    def add(self, track: _Track) -> None:
        """Take a lane in."""
        self._unfinished.add(track)
        self._queue(track)

    def until(self, deadline: float, tick: Callable[[], None]) -> None:
        """Run until all is done or the deadline is there."""
        while self._unfinished and time.monotonic() < deadline:
            due = min(self._launch(), deadline)
            if self._timers:
                due = min(due, self._timers[0][0])
            if not self._unfinished:
                break
            time.sleep(_NAP_SECONDS)
            # Answers first: a late wake-up must not count an answered port as silent.
            for descriptor, _ in self._epoll.poll(max(0.0, due - time.monotonic())):
                self._happened(self._open[descriptor])
            self._expire(time.monotonic())
            tick()

    def close(self) -> None:
        """Close what is left open."""
        for asked in self._open.values():
            self._abandon(asked)
        self._epoll.close()

    @abstractmethod
    def _launch(self) -> float:
        """Send all that the budgets allow; return when the next may go."""

    @abstractmethod
    def _happened(self, asked: _Asked) -> None:
        """Handle what a socket met."""

    @abstractmethod
    def _overdue(self, asked: _Asked) -> None:
        """Handle that nothing happened for as long as was to be waited."""

    @abstractmethod
    def _abandon(self, asked: _Asked) -> None:
        """Close a socket though nothing is concluded."""

    def _queue(self, track: _Track) -> None:
        """Let a track send when its budget allows, or end it."""
        if track.queued or (track.scouting and track.in_flight):
            return
        if track.has_packets:
            track.queued = True
            heapq.heappush(self._ready, (track.lane.pace.ready_at(), next(self._order), track))
        elif not track.in_flight and track in self._unfinished:
            self._unfinished.remove(track)
            self._finished(track.lane)

    def _next(self) -> _Track | None:
        """Return the next track that may send now, None where none may; who takes it queues it again."""
        while self._ready and self._ready_at() <= time.monotonic():
            _, _, track = heapq.heappop(self._ready)
            track.queued = False
            # An answer may have come since it was queued, or the lane's budget was spent.
            if track.has_packets and track.lane.pace.ready_at() <= time.monotonic():
                return track
            self._queue(track)
        return None

    def _ready_at(self) -> float:
        """Return when the next track may send."""
        return max(self._ready[0][0], self._total.ready_at()) if self._ready else float("inf")

    def _spend(self, track: _Track, packets: int = 1) -> None:
        """Count packets to a host that have just gone."""
        now = time.monotonic()
        track.lane.pace.spend(packets, now)
        self._total.spend(packets, now)

    def _wait(self, asked: _Asked, due: float) -> None:
        """Look at what was asked at that time, though nothing happens."""
        asked.due = due
        heapq.heappush(self._timers, (due, next(self._order), asked))

    def _expire(self, now: float) -> None:
        """Handle all that is due."""
        while self._timers and self._timers[0][0] <= now:
            due, _, asked = heapq.heappop(self._timers)
            if asked.due == due:
                self._overdue(asked)


def no_socket(code: int) -> str:
    """Say that this host has no more sockets.

    Args:
        code: errno.
    """
    return f"No more sockets can be opened here ({os.strerror(code)})."


def unreachable(address: str, code: int) -> str:
    """Say that this host cannot send to an address.

    Args:
        address: resolved, literal.
        code: errno.
    """
    return f"{address} cannot be reached from here ({os.strerror(code)}); check the routes."
