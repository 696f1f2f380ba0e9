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
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.probe.attempts import (
    AT_ONCE,
    CONNECTED,
    FEW,
    Attempt,
    Stage,
    Track,
    connect,
    end_by_reset,
    met,
    received,
)
from secmon.checks.ports.sweep import OF_THE_HOST, State
from secmon.core.contract import Unavailable
from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from secmon.checks.ports.pace import Pace
    from secmon.checks.ports.probe.lane import Lane

_REPEAT_SECONDS: Final = 1.0  # when the kernel repeats the SYN
_TRY_SECONDS: Final = 1.9  # before some kernels repeat it again (net.ipv4.tcp_syn_linear_timeouts)
_RESET_SECONDS: Final = 0.15  # for how long a reset may wait: the ACK goes after 0.2 s (TCP_DELACK_MAX)

_HELD_PACKETS: Final = 3  # SYN, ACK, and the ACK of what the peer says; a doubtful port answered before
_LOOK_SECONDS: Final = 0.1  # between looks at a window that is shut: nothing tells that it opened
_NAP_SECONDS: Final = 0.003  # waking for each packet would cost more than the packets

_EVENTS: Final = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
_STARVED: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN}
)


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
        self._unfinished: set[Track] = set()
        self._ready: list[tuple[float, int, Track]] = []  # heap, by when each may send
        self._timers: list[tuple[float, int, Attempt]] = []  # heap; out of date where `due` says otherwise
        self._attempts: dict[int, Attempt] = {}  # by descriptor
        self._epoll = select.epoll()

    def until(self, deadline: float, lanes: Sequence[Lane], tick: Callable[[], None]) -> None:
        """Run until all is done or the deadline is there."""
        for lane in lanes:
            few = len(lane.ports) <= FEW
            track = Track(lane, deque((port, False) for port in lane.ports), retries=few)
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
        """Close what is left open, and leave nothing half-open there."""
        for attempt in self._attempts.values():
            end_by_reset(attempt.sock)
            attempt.sock.close()
        self._epoll.close()

    def _queue(self, track: Track) -> None:
        """Let a track send when its budget allows, or end it."""
        if track.queued or (track.scouting and track.in_flight):
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

    def _send(self, track: Track) -> None:
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

    def _try(self, track: Track, port: int, again: bool) -> None:  # noqa: FBT001  # as it waits in the queue
        try:
            sock, code = connect(track.lane.address, port, defer=not self._hold_seconds)
        except OSError as error:
            self._hindered(track, (port, again), error.errno or 0)
            return
        if code != errno.EINPROGRESS and code not in AT_ONCE:
            sock.close()
            self._hindered(track, (port, again), code)
            return
        self._spend(track, (_HELD_PACKETS if self._hold_seconds else 1) + track.slow)
        now = time.monotonic()
        attempt = Attempt(track, port, again, sock, now, now + _REPEAT_SECONDS, paid=track.slow)
        track.in_flight += 1
        self._attempts[sock.fileno()] = attempt
        if code == errno.EINPROGRESS:
            self._epoll.register(sock.fileno(), _EVENTS)
            self._wait(attempt, attempt.due)
        else:
            self._answered(attempt, code)

    def _spend(self, track: Track, packets: int = 1) -> None:
        """Count packets to a host that have just gone."""
        now = time.monotonic()
        track.lane.pace.spend(packets, now)
        self._total.spend(packets, now)

    def _hindered(self, track: Track, work: tuple[int, bool], code: int) -> None:
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

    def _wait(self, attempt: Attempt, due: float) -> None:
        """Look at an attempt at that time, though nothing happens."""
        attempt.due = due
        heapq.heappush(self._timers, (due, next(self._order), attempt))

    def _happened(self, attempt: Attempt) -> None:
        """Handle what a socket met."""
        code = attempt.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if attempt.stage in (Stage.ASKED, Stage.REPEATED):
            self._answered(attempt, code)
        elif attempt.stage is Stage.HELD:
            self._look(attempt, code)

    def _answered(self, attempt: Attempt, code: int) -> None:
        """Handle the end of a connect: an answer, or an ICMP error."""
        track, now = attempt.track, time.monotonic()
        track.scouting = False
        state = met(attempt.sock, code)
        late = track.slow = now - attempt.sent >= _REPEAT_SECONDS
        if state in OF_THE_HOST and (late or attempt.again) and not track.retries:
            track.note_loss()  # ICMP errors are rarer than what they answer anyway (RFC 1812 4.3.2.8)
        if code not in CONNECTED:
            self._note(attempt, state)
            self._close(attempt)
            return
        if late:
            self._spend(track)  # both SYNs may be answered, and the kernel resets the second answer
        if self._hold_seconds and state is not State.CLOSED:
            attempt.sent, attempt.stage, attempt.shut = now, Stage.HELD, state is State.UNRELIABLE
            self._wait(attempt, now + _LOOK_SECONDS)
        else:
            self._conclude(attempt, state)

    def _look(self, attempt: Attempt, code: int) -> None:
        """Look at a connection that is held: was it reset, does it talk, did its window open?"""
        if code not in CONNECTED:
            self._note(attempt, State.UNRELIABLE)
            self._close(attempt)
            return
        now, data = time.monotonic(), received(attempt.sock)
        state = State.OPEN if data else met(attempt.sock, code)
        over = data is not None or now - attempt.sent >= self._hold_seconds
        if over or (attempt.shut and state is State.OPEN):
            self._conclude(attempt, state)
        else:  # one that was open from the start may yet be reset
            self._wait(attempt, now + _LOOK_SECONDS)

    def _conclude(self, attempt: Attempt, state: State) -> None:
        """Note what an open connection showed, and let its reset be sent when the budget allows."""
        self._note(attempt, state)
        attempt.stage = Stage.ENDING
        self._wait(attempt, time.monotonic() + _RESET_SECONDS)
        if len(self._attempts) >= self._limit:  # descriptors come first
            self._end(attempt)
        else:
            attempt.track.ending.append(attempt)
            self._queue(attempt.track)

    def _end(self, attempt: Attempt) -> None:
        """Send the reset."""
        end_by_reset(attempt.sock)
        self._close(attempt)
        self._spend(attempt.track)

    def _expire(self, now: float) -> None:
        """Handle all that is due."""
        while self._timers and self._timers[0][0] <= now:
            due, _, attempt = heapq.heappop(self._timers)
            if attempt.due != due:
                continue
            if attempt.stage is Stage.ASKED:
                if not attempt.paid:
                    self._spend(attempt.track)
                attempt.stage = Stage.REPEATED
                self._wait(attempt, attempt.sent + _TRY_SECONDS)
                attempt.track.scouting = False
                self._queue(attempt.track)
            elif attempt.stage is Stage.REPEATED:
                self._note(attempt, State.NO_REPLY)
                self._close(attempt)
            elif attempt.stage is Stage.HELD:
                self._happened(attempt)
            else:
                attempt.track.ending.remove(attempt)
                self._end(attempt)

    def _note(self, attempt: Attempt, state: State) -> None:
        """Note what a port met, and whether it is to be tried again."""
        track = attempt.track
        track.lane.states[attempt.port] = state
        if state is State.NO_REPLY and not attempt.again and not track.lane.failure:
            if track.retries:
                track.waiting.append((attempt.port, True))
            else:
                track.silent.append(attempt.port)

    def _close(self, attempt: Attempt) -> None:
        """Close a socket; one in SYN-SENT or reset closes without a packet."""
        attempt.due = 0.0
        del self._attempts[attempt.sock.fileno()]
        attempt.sock.close()
        attempt.track.in_flight -= 1
        self._queue(attempt.track)
