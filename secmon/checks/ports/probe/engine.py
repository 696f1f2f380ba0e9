"""Connect to many ports of many addresses from one thread, within budgets of packets, descriptors and time.

Plain non-blocking connects need no privilege. Everything that the kernel sends for us is counted:

- The SYN, when `connect` returns, and its one repetition after a second (RFC 6298 2.1, 5.5; a socket lives
  1.9 s, so there is no second one). An answer that is up to 1.9 s late is still understood.
- The ACK that completes a handshake is not sent: TCP_DEFER_ACCEPT on a client's socket holds it back for
  0.2 s (tcp(7)), and by then the reset that ends the connection has gone, where the budget allows it. So a
  service is not bothered with a connection, and logs none. Only to confirm a doubtful port is the handshake
  completed (`hold_seconds`).

A try is two SYNs, and one try is enough on a path that loses nothing. Where an answer came to the repetition
only, packets get lost, and every silent port of that host gets a second try; so do the ports of a host of
which only few are asked, and a few of a host that answered nothing. With 5 % of the packets lost an open port
stays unseen with a probability of 0.05^4 = 6e-6 (0.0975^4 = 9e-5 where both directions lose as much). Where a
firewall is silent on all but the open ports, and each of these but one happened to answer at once, it is
0.05^2 = 0.25 %.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import os
import select
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.probe.tcpinfo import tcp_info
from secmon.checks.ports.sweep import LEAST_WINDOW, OF_THE_HOST, State
from secmon.core.contract import Unavailable
from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from secmon.checks.ports.pace import Pace
    from secmon.checks.ports.probe.lane import Lane

_REPEAT_SECONDS: Final = 1.0  # when the kernel repeats the SYN
_TRY_SECONDS: Final = 1.9  # before some kernels repeat it again (net.ipv4.tcp_syn_linear_timeouts)
_FEW: Final = 16  # ports of a lane that get a second try in any case
_LOOK_SECONDS: Final = 0.1  # between looks at a window that is shut: nothing tells that it opened
_ACK_SECONDS: Final = 0.2  # TCP_DELACK_MAX: for how long the kernel holds an ACK back
_NAP_SECONDS: Final = 0.003  # waking for each packet would cost more than the packets

_EVENTS: Final = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER: no TIME_WAIT here, nothing half-closed there
_CONNECTED: Final = frozenset({0, errno.EISCONN})
_RESET: Final = frozenset({errno.ECONNRESET, errno.EPIPE})
_STARVED: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN}
)
_AT_ONCE: Final = _CONNECTED | _RESET | {errno.ECONNREFUSED, errno.ETIMEDOUT}  # from this host itself


class _Stage(Enum):
    ASKED = auto()
    REPEATED = auto()
    HELD = auto()
    ENDING = auto()


@dataclass(slots=True, eq=False)
class _Track:
    """What is left to do of a lane.

    Attributes:
        lane: the lane.
        waiting: ports to try, each with True for its second try.
        ending: connections that opened and wait for their reset to be sent.
        silent: ports that had no reply to one try.
        in_flight: sockets that are open.
        retries: silent ports get a second try.
        queued: stands in the heap of those that may send.
    """

    lane: Lane
    waiting: deque[tuple[int, bool]]
    ending: deque[_Attempt] = field(default_factory=deque)
    silent: list[int] = field(default_factory=list)
    in_flight: int = 0
    retries: bool = False
    queued: bool = False

    @property
    def done(self) -> bool:
        """Tell whether nothing is left to do."""
        return not self.waiting and not self.in_flight

    def give_up(self, reason: Reason, detail: str) -> None:
        """Try no more ports; connects under way still count."""
        self.lane.give_up(reason, detail)
        self.waiting.clear()

    def try_some_again(self) -> None:
        """Give a host that answered nothing a few more chances, once: it may have slept."""
        if len(self.silent) == len(self.lane.states) and not self.lane.failure:
            self.waiting.extend((port, True) for port in self.silent[:_FEW])
            del self.silent[:_FEW]

    def note_loss(self) -> None:
        """Give every silent port its second try."""
        self.retries = True
        if self.lane.failure is None:
            self.waiting.extend((port, True) for port in self.silent)
        self.silent.clear()


@dataclass(slots=True, eq=False)
class _Attempt:
    """One socket.

    Attributes:
        track: its lane.
        port: the port that it asks.
        again: it is the second try.
        sock: the socket.
        sent: seconds of time.monotonic() at which its SYN went.
        due: when it is to be looked at though nothing happened.
        stage: how far it is.
        shut: the peer's window was shut when the handshake was complete.
    """

    track: _Track
    port: int
    again: bool
    sock: socket.socket
    sent: float
    due: float
    stage: _Stage = _Stage.ASKED
    shut: bool = False


class ConnectEngine:
    """Measures lanes by connecting.

    Args:
        total: the budget over all lanes.
        limit: sockets open at a time at most, by the descriptors that there are.
        hold_seconds: complete each handshake and hold the connection that long, to see whether it is reset,
            or its window opens; 0 to end it half-open.
    """

    def __init__(self, total: Pace, limit: int, hold_seconds: float = 0.0) -> None:
        self._total = total
        self._limit = limit
        self._hold_seconds = hold_seconds

    def run(
        self,
        lanes: Sequence[Lane],
        deadline: float,
        finished: Callable[[Lane], None],
        tick: Callable[[], None],
    ) -> None:
        """Connect until all is measured or the deadline is there; lanes that are not done stay as they are.

        Args:
            lanes: at most one for each address.
            deadline: seconds of time.monotonic().
            finished: called once with each lane, as soon as it is done.
            tick: called often.
        """
        run = _Run(self._total, self._limit, self._hold_seconds, finished)
        try:
            run.until(deadline, lanes, tick)
        finally:
            run.close()


class _Run:
    """One run over some lanes."""

    def __init__(
        self, total: Pace, limit: int, hold_seconds: float, finished: Callable[[Lane], None]
    ) -> None:
        self._total = total
        self._limit = limit
        self._hold_seconds = hold_seconds
        self._finished = finished
        self._order = itertools.count()
        self._unfinished: set[_Track] = set()
        self._ready: list[tuple[float, int, _Track]] = []  # heap, by when each may send
        self._timers: list[tuple[float, int, _Attempt]] = []  # heap; out of date where `due` says otherwise
        self._attempts: dict[int, _Attempt] = {}  # by descriptor
        self._epoll = select.epoll()

    def until(self, deadline: float, lanes: Sequence[Lane], tick: Callable[[], None]) -> None:
        """Run until all is done or the deadline is there."""
        for lane in lanes:
            few = len(lane.ports) <= _FEW
            track = _Track(lane, deque((port, False) for port in lane.ports), retries=few)
            self._unfinished.add(track)
            self._queue(track)
        while self._unfinished and time.monotonic() < deadline:
            due = min(self._launch(), deadline)
            if self._timers:
                due = min(due, self._timers[0][0])
            if not self._unfinished:
                break
            time.sleep(_NAP_SECONDS)
            # Answers first: a late wake-up must not count an answered port as silent.
            for descriptor, _ in self._epoll.poll(max(0.0, due - time.monotonic())):
                self._happened(self._attempts[descriptor])
            self._expire(time.monotonic())
            tick()

    def close(self) -> None:
        """Close what is left open."""
        for attempt in self._attempts.values():
            attempt.sock.close()
        self._epoll.close()

    def _queue(self, track: _Track) -> None:
        """Let a track send when its budget allows, or end it."""
        if track.queued:
            return
        if track.done and not track.lane.alive:
            track.try_some_again()
        if track.ending or track.waiting:
            track.queued = True
            heapq.heappush(self._ready, (track.lane.pace.ready_at(), next(self._order), track))
        elif track.done and track in self._unfinished:
            self._unfinished.remove(track)
            self._finished(track.lane)

    def _launch(self) -> float:
        """Send all that the budgets allow; return when the next may go."""
        while self._ready and len(self._attempts) < self._limit:
            when = max(self._ready[0][0], self._total.ready_at())
            if when > time.monotonic():
                return when
            _, _, track = heapq.heappop(self._ready)
            track.queued = False
            if track.lane.pace.ready_at() <= time.monotonic():  # else it was charged since it was queued
                self._send(track)
            self._queue(track)
        return float("inf")

    def _send(self, track: _Track) -> None:
        """Send one packet of a track: a reset that waits, or the SYN of a try."""
        if track.ending:
            self._end(track.ending.popleft())
        elif track.waiting:
            try:
                track.lane.permit()
            except Unavailable as refusal:
                track.give_up(refusal.reason, refusal.detail)
            else:
                self._try(track, *track.waiting.popleft())

    def _try(self, track: _Track, port: int, again: bool) -> None:  # noqa: FBT001  # as it waits in the queue
        try:
            sock, code = _connect(track.lane.address, port, defer=not self._hold_seconds)
        except OSError as error:
            self._hindered(track, (port, again), error.errno or 0)
            return
        if code != errno.EINPROGRESS and code not in _AT_ONCE:
            sock.close()
            self._hindered(track, (port, again), code)
            return
        now = time.monotonic()
        self._spend(track, now)
        attempt = _Attempt(track, port, again, sock, now, now + _REPEAT_SECONDS)
        track.in_flight += 1
        self._attempts[sock.fileno()] = attempt
        if code == errno.EINPROGRESS:
            self._epoll.register(sock.fileno(), _EVENTS)
            self._wait(attempt, attempt.due)
        else:
            self._answered(attempt, code)

    def _spend(self, track: _Track, now: float) -> None:
        """Count one packet to a host."""
        track.lane.pace.spend(1, now)
        self._total.spend(1, now)

    def _hindered(self, track: _Track, work: tuple[int, bool], code: int) -> None:
        """Handle a connect that this host refused: wait for others to end, or give the lane up."""
        if code in _STARVED and self._attempts:
            self._limit = len(self._attempts)
            track.waiting.appendleft(work)
        elif code in _STARVED:
            track.give_up(Reason.RESOURCE_LIMIT, f"No more sockets can be opened here ({os.strerror(code)}).")
        else:
            track.give_up(
                Reason.UNREACHABLE,
                f"{track.lane.address} cannot be reached from here ({os.strerror(code)}); check the routes.",
            )

    def _wait(self, attempt: _Attempt, due: float) -> None:
        """Look at an attempt at that time, though nothing happens."""
        attempt.due = due
        heapq.heappush(self._timers, (due, next(self._order), attempt))

    def _happened(self, attempt: _Attempt) -> None:
        """Handle what a socket met."""
        code = attempt.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if attempt.stage in (_Stage.ASKED, _Stage.REPEATED):
            self._answered(attempt, code)
        elif attempt.stage is _Stage.HELD:
            self._look(attempt, code)

    def _answered(self, attempt: _Attempt, code: int) -> None:
        """Handle the end of a connect: an answer, or an ICMP error."""
        track, now = attempt.track, time.monotonic()
        state = _met(attempt.sock, code)
        repeated = attempt.again or now - attempt.sent >= _REPEAT_SECONDS
        if state in OF_THE_HOST and repeated and not track.retries:
            track.note_loss()  # ICMP errors are rarer than what they answer anyway (RFC 1812 4.3.2.8)
        if code not in _CONNECTED:
            self._note(attempt, state)
            self._close(attempt)
        elif self._hold_seconds and state is not State.CLOSED:
            self._spend(track, now)  # the ACK
            attempt.sent, attempt.stage, attempt.shut = now, _Stage.HELD, state is State.UNRELIABLE
            self._wait(attempt, now + _LOOK_SECONDS)
        else:
            self._conclude(attempt, state)

    def _look(self, attempt: _Attempt, code: int) -> None:
        """Look at a connection that is held: was it reset, does it talk, did its window open?"""
        if code not in _CONNECTED:
            self._note(attempt, State.UNRELIABLE)
            self._close(attempt)
            return
        now, data = time.monotonic(), _received(attempt.sock)
        state = State.OPEN if data else _met(attempt.sock, code)
        over = data is not None or now - attempt.sent >= self._hold_seconds
        if over or (attempt.shut and state is State.OPEN):
            self._conclude(attempt, state)
        else:  # one that was open from the start may yet be reset
            self._wait(attempt, now + _LOOK_SECONDS)

    def _conclude(self, attempt: _Attempt, state: State) -> None:
        """Note what an open connection showed, and let its reset be sent when the budget allows."""
        self._note(attempt, state)
        attempt.sent, attempt.stage = time.monotonic(), _Stage.ENDING
        if len(self._attempts) >= self._limit:  # descriptors come first
            self._end(attempt)
        else:
            attempt.track.ending.append(attempt)
            self._queue(attempt.track)

    def _end(self, attempt: _Attempt) -> None:
        """Send the reset."""
        attempt.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._close(attempt)
        now = time.monotonic()
        self._spend(attempt.track, now)
        if not self._hold_seconds and now - attempt.sent >= _ACK_SECONDS:
            self._spend(attempt.track, now)

    def _expire(self, now: float) -> None:
        """Handle all that is due."""
        while self._timers and self._timers[0][0] <= now:
            due, _, attempt = heapq.heappop(self._timers)
            if attempt.due != due:
                continue
            if attempt.stage is _Stage.ASKED:
                self._spend(attempt.track, now)
                attempt.stage = _Stage.REPEATED
                self._wait(attempt, attempt.sent + _TRY_SECONDS)
            elif attempt.stage is _Stage.REPEATED:
                self._note(attempt, State.NO_REPLY)
                self._close(attempt)
            elif attempt.stage is _Stage.HELD:
                self._happened(attempt)

    def _note(self, attempt: _Attempt, state: State) -> None:
        """Note what a port met, and whether it is to be tried again."""
        track = attempt.track
        track.lane.states[attempt.port] = state
        if state is State.NO_REPLY and not attempt.again and not track.lane.failure:
            if track.retries:
                track.waiting.append((attempt.port, True))
            else:
                track.silent.append(attempt.port)

    def _close(self, attempt: _Attempt) -> None:
        """Close a socket; one in SYN-SENT or reset closes without a packet."""
        attempt.due = 0.0
        del self._attempts[attempt.sock.fileno()]
        attempt.sock.close()
        attempt.track.in_flight -= 1
        self._queue(attempt.track)


def _connect(address: str, port: int, *, defer: bool) -> tuple[socket.socket, int]:
    """Begin a connect, whose ACK may be held back; return the socket and the errno that came at once."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    if defer:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
    return sock, sock.connect_ex((address, port))


def _received(sock: socket.socket) -> bytes | None:
    """Return one byte of what the peer has sent, b"" where it closed, None for nothing yet."""
    try:
        return sock.recv(1, socket.MSG_PEEK)
    except OSError:  # nothing yet, or a reset that comes up at the next look
        return None


def _met(sock: socket.socket, code: int) -> State:
    """Return what a connect met.

    A port that is refused by ICMP (port unreachable) looks to `connect` like one that is refused by a reset;
    but no segment came in. Any other error came by ICMP too, or from this host, whose neighbour is silent.

    A socket that the kernel gave the very port that it connects to, on this host, reaches itself (RFC 9293
    3.5, simultaneous open): nobody listens there.
    """
    if code in _RESET:
        return State.UNRELIABLE
    if code == errno.ETIMEDOUT:
        return State.NO_REPLY
    if code == errno.ECONNREFUSED:
        return State.FILTERED if tcp_info(sock).segments == 0 else State.CLOSED
    if code not in _CONNECTED:
        return State.FILTERED
    try:
        itself = sock.getsockname() == sock.getpeername()
    except OSError:  # reset meanwhile
        return State.UNRELIABLE
    window = tcp_info(sock).window
    shut = window is not None and window < LEAST_WINDOW
    return State.CLOSED if itself else State.UNRELIABLE if shut else State.OPEN
