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
import select
import socket
import time
from collections import deque
from contextlib import closing
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
from secmon.checks.ports.probe.turns import Turns, no_socket, unreachable
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
        """Connect until all is measured or the deadline is there; arguments as of `lane.Engine.run`."""
        with closing(_Run(self._total, self._limit, self._hold_seconds, finished)) as run:
            for lane in lanes:
                few = len(lane.ports) <= FEW
                run.add(Track(lane, waiting=deque((port, False) for port in lane.ports), retries=few))
            run.until(deadline, tick)


class _Run(Turns[Track, Attempt]):
    """One run over some lanes."""

    def __init__(
        self, total: Pace, limit: int, hold_seconds: float, finished: Callable[[Lane], None]
    ) -> None:
        super().__init__(total, limit, finished)
        self._hold_seconds = hold_seconds

    def _abandon(self, attempt: Attempt) -> None:
        """Leave nothing half-open there."""
        end_by_reset(attempt.sock)
        attempt.sock.close()

    def _queue(self, track: Track) -> None:
        """Let a track send, or end it, where a host that answered nothing had its few more chances."""
        if track.done and not track.queued and not track.lane.alive:
            track.try_some_again()
        super()._queue(track)

    def _launch(self) -> float:
        while len(self._open) < self._limit:
            track = self._next()
            if track is None:
                return self._ready_at()
            self._send(track)
            self._queue(track)
        return float("inf")

    def _send(self, track: Track) -> None:
        """Send one packet of a track: a reset that waits, or the SYN of a try."""
        if track.ending:
            self._end(track.ending.popleft())
            return
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
        self._open[sock.fileno()] = attempt
        if code == errno.EINPROGRESS:
            self._epoll.register(sock.fileno(), _EVENTS)
            self._wait(attempt, attempt.due)
        else:
            self._answered(attempt, code)

    def _hindered(self, track: Track, work: tuple[int, bool], code: int) -> None:
        """Handle a connect that this host refused: wait for others to end, or give the lane up."""
        if code in _STARVED and self._open:
            self._limit = len(self._open)
            track.waiting.appendleft(work)
        elif code in _STARVED:
            track.give_up(Reason.RESOURCE_LIMIT, no_socket(code))
        else:
            track.give_up(Reason.UNREACHABLE, unreachable(track.lane.address, code))

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
        if len(self._open) >= self._limit:  # descriptors come first
            self._end(attempt)
        else:
            attempt.track.ending.append(attempt)
            self._queue(attempt.track)

    def _end(self, attempt: Attempt) -> None:
        """Send the reset."""
        end_by_reset(attempt.sock)
        self._close(attempt)
        self._spend(attempt.track)

    def _overdue(self, attempt: Attempt) -> None:
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
        del self._open[attempt.sock.fileno()]
        attempt.sock.close()
        attempt.track.in_flight -= 1
        self._queue(attempt.track)
