"""Ask UDP ports of many addresses from one thread, within budgets of packets, descriptors and time.

Each port has a socket of its own, which takes both the answer and the ICMP error. Silence is `no_reply` and
never `closed`: a host may send as little as one ICMP error a second (RFC 1812 4.3.2.8), and most services say
nothing to what they do not understand. A question that stays unanswered for a second is followed by the next
one to that port, and an answer counts for as long as any of them is waited for.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import os
import select
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.probe.datagrams import Datagrams
from secmon.checks.ports.probe.lane import Lane
from secmon.checks.ports.sweep import State
from secmon.checks.ports.udpprobes import probe
from secmon.core.contract import Unavailable
from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from secmon.checks.ports.pace import Pace

_WAIT_SECONDS: Final = 1.0
_NAP_SECONDS: Final = 0.003  # waking for each packet would cost more than the packets
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
class _Track:
    """What is left to do of a lane.

    Attributes:
        lane: the lane.
        fresh: questions that were not asked yet.
        again: questions whose next try is due.
        asked: how many wait for an answer.
        scouting: nothing is known of the way to the host. Its first packet goes alone, or the kernel would
            keep all that go before the neighbour is found (RFC 826), and then let them go at once.
        queued: stands in the heap of those that may send.
    """

    lane: UdpLane
    fresh: deque[_Question] = field(default_factory=deque)
    again: deque[_Question] = field(default_factory=deque)
    asked: int = 0
    scouting: bool = True
    queued: bool = False


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
        """Ask until all is measured or the deadline is there; lanes that are not done stay as they are.

        Args:
            lanes: at most one for each address.
            deadline: seconds of time.monotonic().
            finished: called once with each lane, as soon as it is done.
            tick: called often.
        """
        run = _Run(self._total, self._limit, finished)
        try:
            run.until(deadline, lanes, tick)
        finally:
            run.close()


class _Run:
    """One run over some lanes."""

    def __init__(self, total: Pace, limit: int, finished: Callable[[Lane], None]) -> None:
        self._total = total
        self._limit = limit
        self._finished = finished
        self._order = itertools.count()
        self._unfinished: set[_Track] = set()
        self._ready: list[tuple[float, int, _Track]] = []  # heap, by when each may send
        self._starving: list[_Track] = []  # may send when a descriptor is free
        self._timers: deque[tuple[float, _Question]] = deque()  # in order, for all wait equally long
        self._open: dict[int, _Question] = {}  # by descriptor
        self._epoll = select.epoll()

    def until(self, deadline: float, lanes: Sequence[UdpLane], tick: Callable[[], None]) -> None:
        """Run until all is done or the deadline is there."""
        for lane in lanes:
            track = _Track(lane)
            track.fresh.extend(_Question(track, port, deque(probe(port).tries)) for port in lane.ports)
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
                self._listen(self._open[descriptor])
            self._expire(time.monotonic())
            tick()

    def close(self) -> None:
        """Close what is left open."""
        for question in self._open.values():
            if question.line:
                question.line.close()
        self._epoll.close()

    def _queue(self, track: _Track) -> None:
        """Let a track send when its budget allows, or end it."""
        if track.queued or (track.scouting and track.asked):
            return
        if track.again or track.fresh:
            track.queued = True
            heapq.heappush(self._ready, (track.lane.pace.ready_at(), next(self._order), track))
        elif not track.asked and track in self._unfinished:
            self._unfinished.remove(track)
            self._finished(track.lane)

    def _launch(self) -> float:
        """Send all that the budgets allow; return when the next may go."""
        while self._ready:
            when = max(self._ready[0][0], self._total.ready_at())
            if when > time.monotonic():
                return when
            _, _, track = heapq.heappop(self._ready)
            track.queued = False
            if not track.again and len(self._open) >= self._limit:
                self._starving.append(track)
                continue
            # An answer may have come since it was queued, or the lane's budget was spent.
            if (track.again or track.fresh) and track.lane.pace.ready_at() <= time.monotonic():
                self._try(track)
            self._queue(track)
        return float("inf")

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
        now = time.monotonic()
        track.lane.pace.spend(1, now)
        self._total.spend(1, now)
        track.asked += 1
        question.due = now + _WAIT_SECONDS
        self._timers.append((question.due, question))

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
        detail = f"No more sockets can be opened here ({os.strerror(error.errno or 0)})."
        self._give_up(question.track, Reason.RESOURCE_LIMIT, detail)

    def _hindered(self, question: _Question, line: Datagrams, error: OSError) -> None:
        """Handle that a datagram could not be sent: an ICMP error has come, or this host refuses."""
        answer = line.receive()
        if answer is not None:
            self._note(question, answer)
            return
        track = question.track
        self._hang_up(question)
        self._give_up(
            track,
            Reason.UNREACHABLE,
            f"{track.lane.address} cannot be reached from here ({os.strerror(error.errno or 0)}); "
            "check the routes.",
        )

    def _give_up(self, track: _Track, reason: Reason, detail: str) -> None:
        """Ask no more of a lane; what was asked may still be answered."""
        track.lane.give_up(reason, detail)
        track.fresh.clear()
        while track.again:
            self._hang_up(track.again.popleft())

    def _listen(self, question: _Question) -> None:
        """Take what came for a question, be it that its next try is due."""
        answer = question.line.receive() if question.line else None
        if answer is None:
            return
        if question.due:
            question.track.asked -= 1
        else:
            question.track.again.remove(question)
        self._note(question, answer)

    def _expire(self, now: float) -> None:
        """Handle all that is due."""
        while self._timers and self._timers[0][0] <= now:
            due, question = self._timers.popleft()
            if question.due != due:
                continue
            track = question.track
            question.due = 0.0
            track.asked -= 1
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
