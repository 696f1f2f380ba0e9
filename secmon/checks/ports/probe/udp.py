"""Ask UDP ports of many addresses from one thread, within budgets of packets, descriptors and time.

Each port has a socket of its own, which takes both the answer and the ICMP error. Silence is `no_reply` and
never `closed`: a host may send as little as one ICMP error a second (RFC 1812 4.3.2.8), and most services say
nothing to what they do not understand. A question that stays unanswered for a second is followed by the next
one to that port, and an answer counts for as long as any of them is waited for.
"""

from __future__ import annotations

import errno
import select
import time
from collections import deque
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.probe.datagrams import Datagrams
from secmon.checks.ports.probe.lane import Lane
from secmon.checks.ports.probe.turns import Turn, Turns, no_socket, unreachable
from secmon.checks.ports.sweep import State
from secmon.checks.ports.udpprobes import probe
from secmon.core.contract import Unavailable
from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from secmon.checks.ports.pace import Pace

_WAIT_SECONDS: Final = 1.0
_STARVED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@dataclass(slots=True)
class UdpLane(Lane):
    """One address and its UDP ports.

    Attributes:
        replies: port -> its first reply, at most REPLY_LIMIT bytes.
    """

    replies: dict[int, bytes] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Question:
    """One port.

    Attributes:
        track: its lane.
        port: the port.
        tries: payloads that are yet to be sent.
        line: open from the first try on.
        due: when the next try is due, or silence is concluded.
    """

    track: _Track
    port: int
    tries: deque[bytes]
    line: Datagrams | None = None
    due: float = 0.0


@dataclass(slots=True, eq=False)
class _Track(Turn):
    """What asking has left to do of a lane.

    Attributes:
        lane: the lane.
        fresh: questions that were not asked yet.
        again: questions whose next try is due.
    """

    lane: UdpLane
    fresh: deque[_Question] = field(default_factory=deque)
    again: deque[_Question] = field(default_factory=deque)

    @property
    def has_packets(self) -> bool:
        """Tell whether there is a question to send."""
        return bool(self.again or self.fresh)


class UdpEngine:
    """Measures lanes by asking.

    Args:
        total: the budget over all lanes.
        limit: sockets open at a time at most, by the descriptors that there are.
    """

    def __init__(self, total: Pace, limit: int) -> None:
        self._total = total
        self._limit = limit

    def run(
        self,
        lanes: Sequence[UdpLane],
        deadline: float,
        finished: Callable[[Lane], None],
        tick: Callable[[], None],
    ) -> None:
        """Ask until all is measured or the deadline is there; arguments as of `lane.Engine.run`."""
        with closing(_Run(self._total, self._limit, finished)) as run:
            for lane in lanes:
                track = _Track(lane)
                track.fresh.extend(_Question(track, port, deque(probe(port).tries)) for port in lane.ports)
                run.add(track)
            run.until(deadline, tick)


class _Run(Turns[_Track, _Question]):
    """One run over some lanes."""

    def __init__(self, total: Pace, limit: int, finished: Callable[[Lane], None]) -> None:
        super().__init__(total, limit, finished)
        self._starving: list[_Track] = []  # may send when a descriptor is free

    def _abandon(self, question: _Question) -> None:
        if question.line:
            question.line.close()

    def _launch(self) -> float:
        while track := self._next():
            if track.again or len(self._open) < self._limit:
                self._try(track)
                self._queue(track)
            else:
                self._starving.append(track)
        return self._ready_at()

    def _try(self, track: _Track) -> None:
        """Send the next question of a track."""
        try:
            track.lane.permit()
        except Unavailable as refusal:
            self._give_up(track, refusal.reason, refusal.detail)
            return
        question = (track.again or track.fresh).popleft()
        try:
            line = question.line or self._open_line(question)
        except OSError as error:
            self._starve(question, error)
            return
        try:
            line.send(question.tries.popleft())
        except OSError as error:
            self._hindered(question, line, error)
            return
        self._spend(track)
        track.in_flight += 1
        self._wait(question, time.monotonic() + _WAIT_SECONDS)

    def _open_line(self, question: _Question) -> Datagrams:
        strays = probe(question.port).strays
        line = question.line = Datagrams(question.track.lane.address, question.port, strays=strays)
        self._open[line.fileno()] = question
        self._epoll.register(line.fileno(), select.EPOLLIN)
        return line

    def _starve(self, question: _Question, error: OSError) -> None:
        """Handle that no socket can be opened: wait for others to be closed, or give the lane up."""
        if error.errno in _STARVED and self._open:
            self._limit = len(self._open)
            question.track.fresh.appendleft(question)
            return
        self._give_up(question.track, Reason.RESOURCE_LIMIT, no_socket(error.errno or 0))

    def _hindered(self, question: _Question, line: Datagrams, error: OSError) -> None:
        """Handle that a datagram could not be sent: an ICMP error has come, or this host refuses."""
        answer = line.receive()
        if answer is not None:
            self._note(question, answer)
            return
        track = question.track
        self._hang_up(question)
        self._give_up(track, Reason.UNREACHABLE, unreachable(track.lane.address, error.errno or 0))

    def _give_up(self, track: _Track, reason: Reason, detail: str) -> None:
        """Ask no more of a lane; what was asked may still be answered."""
        track.lane.give_up(reason, detail)
        track.fresh.clear()
        while track.again:
            self._hang_up(track.again.popleft())

    def _happened(self, question: _Question) -> None:
        """Take what came for a question, be it that its next try is due."""
        answer = question.line.receive() if question.line else None
        if answer is None:
            return
        if question.due:
            question.track.in_flight -= 1
        else:
            question.track.again.remove(question)
        self._note(question, answer)

    def _overdue(self, question: _Question) -> None:
        track = question.track
        question.due = 0.0
        track.in_flight -= 1
        track.scouting = False
        if question.tries and not track.lane.failure:
            track.again.append(question)
            self._queue(track)
        else:
            self._note(question, State.NO_REPLY)

    def _note(self, question: _Question, answer: bytes | State) -> None:
        """Note what a port met, and end with it."""
        lane = question.track.lane
        if isinstance(answer, State):
            lane.states[question.port] = answer
        else:
            lane.states[question.port] = State.OPEN
            lane.replies[question.port] = answer
        question.track.scouting = False
        self._hang_up(question)
        self._queue(question.track)

    def _hang_up(self, question: _Question) -> None:
        """Close the socket of a question, and let those go on that waited for its descriptor."""
        question.due = 0.0
        if question.line:
            del self._open[question.line.fileno()]
            question.line.close()
        waited, self._starving = self._starving, []
        for track in waited:
            self._queue(track)
