"""Connect to many ports of many addresses from one thread, within budgets of packets, descriptors and time.

Plain non-blocking connects need no privilege. A port that does not answer is tried twice: a single try under
load, or one lost packet, would hide an open port. What the kernel sends for us is counted: one SYN for the
first try, two for the second (it repeats the SYN after one second, RFC 6298 2.1), an ACK and a reset for a
port that opens.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import os
import selectors
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.sweep import State
from secmon.core.contract import Unavailable
from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from secmon.checks.ports.pace import Pace
    from secmon.checks.ports.probe.lane import Lane

_FIRST_SECONDS: Final = 0.9  # before the kernel repeats the SYN
_SECOND_SECONDS: Final = 1.9  # after one repetition, before the next
_FIRST_PACKETS: Final = 1
_SECOND_PACKETS: Final = 2
_OPENED_PACKETS: Final = 2

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER: no TIME_WAIT here, nothing half-closed there
_MEASURED: Final = {
    0: State.OPEN,
    errno.EISCONN: State.OPEN,
    errno.ECONNRESET: State.UNRELIABLE,
    errno.EPIPE: State.UNRELIABLE,
    errno.ECONNREFUSED: State.CLOSED,
    errno.ETIMEDOUT: State.NO_REPLY,
}
_STARVED: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN}
)


@dataclass(slots=True)
class _Track:
    """What is left to do of a lane.

    Attributes:
        lane: the lane.
        waiting: ports to try, each with False for the first try and True for the second.
        in_flight: connects under way.
    """

    lane: Lane
    waiting: deque[tuple[int, bool]]
    in_flight: int = 0

    @property
    def done(self) -> bool:
        """Tell whether nothing is left to do."""
        return not self.waiting and not self.in_flight

    def give_up(self, reason: Reason, detail: str) -> None:
        """Try no more ports; connects under way still count."""
        self.lane.give_up(reason, detail)
        self.waiting.clear()


@dataclass(slots=True)
class _Attempt:
    track: _Track
    port: int
    second: bool
    sock: socket.socket
    over: bool = False


class ConnectEngine:
    """Runs lanes side by side.

    Args:
        total: the budget over all lanes.
        limit: connects under way at most, by the descriptors that there are.
    """

    def __init__(self, total: Pace, limit: int) -> None:
        self._total = total
        self._limit = limit

    def run(
        self,
        lanes: Sequence[Lane],
        deadline: float,
        finished: Callable[[Lane], None],
        tick: Callable[[], None],
    ) -> None:
        """Connect until all is measured or the deadline is there; lanes that are not done stay as they are.

        Args:
            lanes: at least one port each.
            deadline: seconds of time.monotonic().
            finished: called with each lane that is done.
            tick: called often.
        """
        _Run(self._total, self._limit, lanes, finished, tick).until(deadline)


class _Run:
    """One run over some lanes."""

    def __init__(
        self,
        total: Pace,
        limit: int,
        lanes: Sequence[Lane],
        finished: Callable[[Lane], None],
        tick: Callable[[], None],
    ) -> None:
        self._total = total
        self._limit = limit
        self._finished = finished
        self._tick = tick
        self._order = itertools.count()
        tracks = [_Track(lane, deque((port, False) for port in lane.ports)) for lane in lanes]
        self._unfinished = {id(track): track for track in tracks}
        # Heap of the tracks that have work, by when each may send.
        self._ready = [(0.0, next(self._order), track) for track in tracks]
        self._expiries: list[tuple[float, int, _Attempt]] = []  # heap
        self._in_flight = 0
        self._selector = selectors.DefaultSelector()

    def until(self, deadline: float) -> None:
        """Run until the deadline."""
        try:
            while self._unfinished and (now := time.monotonic()) < deadline:
                due = self._launch(now)
                if not self._unfinished:
                    break
                if self._expiries:
                    due = min(due, self._expiries[0][0])
                events = self._selector.select(max(0.0, min(due, deadline) - time.monotonic()))
                # Answers first: a late wake-up must not count an answered port as silent.
                for key, _ in events:
                    self._answered(key.data)
                self._expire(time.monotonic())
                self._tick()
        finally:
            self._close()

    def _launch(self, now: float) -> float:
        """Start all that the budgets allow; return when the next may start."""
        while self._ready and self._in_flight < self._limit:
            when = max(self._ready[0][0], self._total.ready_at())
            if when > now:
                return when
            _, _, track = heapq.heappop(self._ready)
            if track.lane.pace.ready_at() <= now:  # else its open ports cost it packets since it was queued
                self._start(track, now)
            if track.waiting:
                heapq.heappush(self._ready, (track.lane.pace.ready_at(), next(self._order), track))
            self._settle(track)
        return float("inf")

    def _start(self, track: _Track, now: float) -> None:
        """Begin one connect of a lane."""
        if not track.waiting:  # given up meanwhile
            return
        try:
            track.lane.permit()
        except Unavailable as refusal:
            track.give_up(refusal.reason, refusal.detail)
            return
        port, second = track.waiting.popleft()
        packets = _SECOND_PACKETS if second else _FIRST_PACKETS
        track.lane.pace.spend(packets, now)
        self._total.spend(packets, now)
        try:
            sock, code = _connect(track.lane.address, port)
        except OSError as error:
            self._hindered(track, (port, second), error.errno or 0)
            return
        if code not in (*_MEASURED, errno.EINPROGRESS):
            sock.close()
            self._hindered(track, (port, second), code)
            return
        if code != errno.EINPROGRESS:
            state = _state(sock, code)
            sock.close()
            self._note(track, port, state, second=second)
            return
        attempt = _Attempt(track, port, second, sock)
        self._in_flight += 1
        track.in_flight += 1
        self._selector.register(sock, selectors.EVENT_WRITE, attempt)
        lifetime = _SECOND_SECONDS if second else _FIRST_SECONDS
        heapq.heappush(self._expiries, (now + lifetime, next(self._order), attempt))

    def _hindered(self, track: _Track, work: tuple[int, bool], code: int) -> None:
        """Handle a connect that this host refused: wait for others to end, or give the lane up."""
        if code in _STARVED and self._in_flight:
            self._limit = self._in_flight
            track.waiting.appendleft(work)
        elif code in _STARVED:
            track.give_up(Reason.RESOURCE_LIMIT, f"No more sockets can be opened here ({os.strerror(code)}).")
        else:
            track.give_up(
                Reason.UNREACHABLE,
                f"{track.lane.address} cannot be reached from here ({os.strerror(code)}); check the routes.",
            )

    def _answered(self, attempt: _Attempt) -> None:
        code = attempt.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self._over(attempt, _state(attempt.sock, code))

    def _expire(self, now: float) -> None:
        while self._expiries and self._expiries[0][0] <= now:
            _, _, attempt = heapq.heappop(self._expiries)
            if not attempt.over:
                self._over(attempt, State.NO_REPLY)

    def _over(self, attempt: _Attempt, state: State) -> None:
        """End an attempt."""
        attempt.over = True
        self._selector.unregister(attempt.sock)
        attempt.sock.close()
        attempt.track.in_flight -= 1
        self._in_flight -= 1
        queued = bool(attempt.track.waiting)
        self._note(attempt.track, attempt.port, state, second=attempt.second)
        if attempt.track.waiting and not queued:
            heapq.heappush(
                self._ready, (attempt.track.lane.pace.ready_at(), next(self._order), attempt.track)
            )
        self._settle(attempt.track)

    def _note(self, track: _Track, port: int, state: State, *, second: bool) -> None:
        """Note what a port met, or queue its second try."""
        if state is State.NO_REPLY and not second and not track.lane.failure:
            track.waiting.append((port, True))
            return
        track.lane.states[port] = state
        if state in (State.OPEN, State.UNRELIABLE):
            now = time.monotonic()
            track.lane.pace.spend(_OPENED_PACKETS, now)
            self._total.spend(_OPENED_PACKETS, now)

    def _settle(self, track: _Track) -> None:
        if track.done and id(track) in self._unfinished:
            del self._unfinished[id(track)]
            self._finished(track.lane)

    def _close(self) -> None:
        for _, _, attempt in self._expiries:
            if not attempt.over:
                attempt.sock.close()
        self._selector.close()


def _connect(address: str, port: int) -> tuple[socket.socket, int]:
    """Begin a connect; return the socket and the errno that came at once."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    return sock, sock.connect_ex((address, port))


def _state(sock: socket.socket, code: int) -> State:
    """Return what a connect met.

    A socket that the kernel gave the very port that it connects to, on this host, reaches itself (RFC 9293
    3.5, simultaneous open): nobody listens there. What else came from the network is an ICMP error.
    """
    state = _MEASURED.get(code, State.FILTERED)
    if state is not State.OPEN:
        return state
    try:
        return State.CLOSED if sock.getsockname() == sock.getpeername() else State.OPEN
    except OSError:  # reset meanwhile
        return State.UNRELIABLE
