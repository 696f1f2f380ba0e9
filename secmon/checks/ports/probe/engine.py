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
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.sweep import OF_THE_HOST, Seen, State
from secmon.core.contract import Unavailable
from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterable

    from secmon.checks.ports.pace import Pace

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
class Lane:
    """One address, its ports, its budget, and what was met.

    Attributes:
        address: resolved address.
        pace: its own budget.
        permit: the gate, called before each connect; raises Unavailable.
        waiting: ports to try, each with False for the first try and True for the second.
        in_flight: connects under way.
        states: port -> what was met.
        failure: why the lane was given up.
        detail: one sentence on that.
    """

    address: str
    pace: Pace
    permit: Callable[[], None]
    waiting: deque[tuple[int, bool]]
    in_flight: int = 0
    states: dict[int, State] = field(default_factory=dict)
    failure: Reason | None = None
    detail: str = ""

    @property
    def done(self) -> bool:
        """Tell whether nothing is left to do."""
        return not self.waiting and not self.in_flight

    def seen(self, ports: frozenset[int]) -> Seen:
        """Return what was met on some of its ports."""
        states = {port: state for port, state in self.states.items() if port in ports}
        alive = not OF_THE_HOST.isdisjoint(self.states.values())
        return Seen(self.address, states, self.failure, self.detail, alive)

    def give_up(self, reason: Reason, detail: str) -> None:
        """Try no more ports; connects under way still count."""
        self.failure, self.detail = reason, detail
        self.waiting.clear()


@dataclass(slots=True)
class _Attempt:
    lane: Lane
    port: int
    second: bool
    sock: socket.socket
    over: bool = False


class Engine:
    """Runs lanes side by side.

    Args:
        lanes: at least one port each.
        total: the budget over all lanes.
        limit: connects under way at most, by the descriptors that there are.
        finished: called with each lane that is done.
        tick: called often.
    """

    def __init__(
        self,
        lanes: Iterable[Lane],
        total: Pace,
        limit: int,
        finished: Callable[[Lane], None],
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._total = total
        self._limit = limit
        self._finished = finished
        self._tick = tick
        self._order = itertools.count()
        self._unfinished = {id(lane): lane for lane in lanes}
        # Heap of the lanes that have work, by when each may send.
        self._ready = [(0.0, next(self._order), lane) for lane in self._unfinished.values()]
        self._expiries: list[tuple[float, int, _Attempt]] = []  # heap
        self._in_flight = 0
        self._selector = selectors.DefaultSelector()

    def run(self, deadline: float) -> None:
        """Connect until all is measured or the deadline is there; lanes that are not done stay as they are.

        Args:
            deadline: seconds of time.monotonic().
        """
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
            _, _, lane = heapq.heappop(self._ready)
            if lane.pace.ready_at() <= now:  # else its open ports cost it packets since it was queued
                self._start(lane, now)
            if lane.waiting:
                heapq.heappush(self._ready, (lane.pace.ready_at(), next(self._order), lane))
            self._settle(lane)
        return float("inf")

    def _start(self, lane: Lane, now: float) -> None:
        """Begin one connect of a lane."""
        if not lane.waiting:  # given up meanwhile
            return
        try:
            lane.permit()
        except Unavailable as refusal:
            lane.give_up(refusal.reason, refusal.detail)
            return
        port, second = lane.waiting.popleft()
        packets = _SECOND_PACKETS if second else _FIRST_PACKETS
        lane.pace.spend(packets, now)
        self._total.spend(packets, now)
        try:
            sock, code = _connect(lane.address, port)
        except OSError as error:
            self._hindered(lane, (port, second), error.errno or 0)
            return
        if code not in (*_MEASURED, errno.EINPROGRESS):
            sock.close()
            self._hindered(lane, (port, second), code)
            return
        if code != errno.EINPROGRESS:
            state = _state(sock, code)
            sock.close()
            self._note(lane, port, state, second=second)
            return
        attempt = _Attempt(lane, port, second, sock)
        self._in_flight += 1
        lane.in_flight += 1
        self._selector.register(sock, selectors.EVENT_WRITE, attempt)
        lifetime = _SECOND_SECONDS if second else _FIRST_SECONDS
        heapq.heappush(self._expiries, (now + lifetime, next(self._order), attempt))

    def _hindered(self, lane: Lane, work: tuple[int, bool], code: int) -> None:
        """Handle a connect that this host refused: wait for others to end, or give the lane up."""
        if code in _STARVED and self._in_flight:
            self._limit = self._in_flight
            lane.waiting.appendleft(work)
        elif code in _STARVED:
            lane.give_up(Reason.RESOURCE_LIMIT, f"No more sockets can be opened here ({os.strerror(code)}).")
        else:
            lane.give_up(
                Reason.UNREACHABLE,
                f"{lane.address} cannot be reached from this host ({os.strerror(code)}); check its routes.",
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
        attempt.lane.in_flight -= 1
        self._in_flight -= 1
        queued = bool(attempt.lane.waiting)
        self._note(attempt.lane, attempt.port, state, second=attempt.second)
        if attempt.lane.waiting and not queued:
            heapq.heappush(self._ready, (attempt.lane.pace.ready_at(), next(self._order), attempt.lane))
        self._settle(attempt.lane)

    def _note(self, lane: Lane, port: int, state: State, *, second: bool) -> None:
        """Note what a port met, or queue its second try."""
        if state is State.NO_REPLY and not second and not lane.failure:
            lane.waiting.append((port, True))
            return
        lane.states[port] = state
        if state in (State.OPEN, State.UNRELIABLE):
            now = time.monotonic()
            lane.pace.spend(_OPENED_PACKETS, now)
            self._total.spend(_OPENED_PACKETS, now)

    def _settle(self, lane: Lane) -> None:
        if lane.done and id(lane) in self._unfinished:
            del self._unfinished[id(lane)]
            self._finished(lane)

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
