"""Send a SYN to many ports of many addresses from one thread, and read the answers, without connecting.

Each port is asked up to four times: where 5 % of the packets are lost on the way there, one port in 160,000
is missed; where as many again are lost on the way back, one in 11,000. A host that answers nothing at all is
asked twice. The rounds of a host are apart by what its measured round trip suggests. When a SYN-ACK arrives,
the kernel, which knows of no such connection, answers with a reset: nothing stays half open at the host, and
the packet counts.
"""

from __future__ import annotations

import heapq
import itertools
import os
import time
from array import array
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.probe.wire import Path, SynHandles, Wire
from secmon.checks.ports.roundtrip import RoundTrip
from secmon.checks.ports.segments import (
    KEY_BYTES,
    Template,
    arp_request,
    cookies,
    neighbour_solicitation,
)
from secmon.checks.ports.sweep import State
from secmon.core.contract import Unavailable
from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from secmon.checks.ports.pace import Pace
    from secmon.checks.ports.probe.lane import Lane

_TRIES: Final = 4
_TRIES_WHILE_SILENT: Final = 2
_NEIGHBOUR_TRIES: Final = 3
_NEIGHBOUR_SECONDS: Final = 0.5
_BURST: Final = 256
"""Packets to one address between two looks at the clock."""
_BURSTS: Final = 2048
"""Packets between two looks at the answers: a quarter of what the ring holds."""
_TICK_SECONDS: Final = 0.005
"""Time slept at least, so that a wake-up is worth several packets."""
_PAUSE_SECONDS: Final = 0.01
"""Nothing is sent for so long after a queue of this host was full."""

_RESET_BY_KERNEL: Final = frozenset({State.OPEN, State.UNRELIABLE})
_LOST: Final = "This host lost answers, since more came than it could take; lower the rate."


@dataclass(slots=True)
class _Hop:
    """A neighbour that packets are handed to.

    Attributes:
        path: any of the paths through it.
        link: its Ethernet address, b"" until it is known.
        waiting: tracks that need it.
        tries: questions sent.
        asked_at: when the last was sent, seconds of time.monotonic().
    """

    path: Path
    link: bytes = b""
    waiting: list[_Track] = field(default_factory=list)
    tries: int = 0
    asked_at: float = 0.0

    def question(self) -> bytes:
        """Return the frame that asks for its Ethernet address."""
        ask = arp_request if len(self.path.next_hop) == 4 else neighbour_solicitation
        return ask(self.path.link.address, self.path.source, self.path.next_hop)


@dataclass(slots=True)
class _Track:
    """What is left to do of a lane.

    Attributes:
        lane: the lane.
        path: how its packets leave.
        index: port -> its place in `lane.ports`.
        numbers: place -> sequence number of its SYN.
        sent_at: place -> when its first SYN was sent.
        trip: the measured round trip.
        pending: places to ask in this round.
        cursor: how many of them have been asked.
        rounds: rounds that are over.
        clean_rounds: those of them in which this host lost no answer of anybody.
        drops: answers that this host had lost when the round began.
        sampled_at: when the round trip was last sampled.
        done: nothing is left to do.
    """

    lane: Lane
    path: Path
    index: Mapping[int, int]
    numbers: array[int]
    sent_at: array[float]
    pending: Sequence[int]
    trip: RoundTrip = field(default_factory=RoundTrip)
    cursor: int = 0
    rounds: int = 0
    clean_rounds: int = 0
    drops: int = 0
    sampled_at: float = 0.0
    done: bool = False


class SynEngine:
    """Measures lanes with SYNs.

    Args:
        handles: from `wire.acquire`; the engine closes them.
        total: the budget over all lanes.

    Raises:
        Unavailable: the packet sockets cannot be put to work.
    """

    def __init__(self, handles: SynHandles, total: Pace) -> None:
        self._wire = Wire(handles)
        self._total = total

    def supports(self, address: str) -> bool:
        """Tell whether an address is reached over Ethernet, and not this host itself.

        Args:
            address: resolved, literal.
        """
        return self._wire.path(address) is not None

    def run(
        self,
        lanes: Sequence[Lane],
        deadline: float,
        finished: Callable[[Lane], None],
        tick: Callable[[], None],
    ) -> None:
        """Measure until all is done or the deadline is there; lanes that are not done stay as they are.

        Args:
            lanes: at most one for each address; all are supported.
            deadline: seconds of time.monotonic().
            finished: called once with each lane, as soon as it is done.
            tick: called often.
        """
        _Scan(self._wire, self._total, lanes, finished).run(deadline, tick)

    def close(self) -> None:
        """Close the sockets."""
        self._wire.close()


class _Scan:
    """One run of the engine: a queue of steps, each with the instant from which it may be taken.

    A step returns when it is to be taken again, None where never.
    """

    def __init__(
        self, wire: Wire, total: Pace, lanes: Sequence[Lane], finished: Callable[[Lane], None]
    ) -> None:
        self._wire = wire
        self._total = total
        self._finished = finished
        self._order = itertools.count()
        self._queue: list[tuple[float, int, Callable[[float], float | None]]] = []  # heap
        self._tracks: dict[bytes, _Track] = {}
        self._hops: dict[tuple[str, bytes], _Hop] = {}
        self._sent = 0
        self._paused_until = 0.0
        self._drops = 0
        wire.drops()  # what was lost before is none of ours
        key = os.urandom(KEY_BYTES)
        indexes: dict[tuple[int, ...], dict[int, int]] = {}  # most lanes have the same ports
        for lane in lanes:
            if lane.ports not in indexes:
                indexes[lane.ports] = {port: place for place, port in enumerate(lane.ports)}
            self._add(lane, indexes[lane.ports], key)

    def run(self, deadline: float, tick: Callable[[], None]) -> None:
        """Take steps until none is left or the deadline is there."""
        while self._tracks and (now := time.monotonic()) < deadline:
            # Answers first: a late wake-up must not count an answered port as silent.
            self._take_answers(now)
            self._take_neighbours(now)
            due = self._take_steps()
            tick()
            self._rest(min(due, deadline))
        self._take_answers(time.monotonic())
        self._drops += self._wire.drops()
        for track in list(self._tracks.values()):
            if track.clean_rounds >= _TRIES_WHILE_SILENT:
                self._conclude(track)
            elif self._drops > track.drops:
                track.lane.give_up(Reason.PACKET_LOSS, _LOST)

    def _add(self, lane: Lane, index: Mapping[int, int], key: bytes) -> None:
        """Queue a lane behind the neighbour that its packets are handed to."""
        path = self._wire.path(lane.address)
        if path is None:
            raise ValueError(f"{lane.address} is not supported")
        count = len(lane.ports)
        track = _Track(
            lane,
            path,
            index,
            numbers=cookies(key, path.destination, count),
            sent_at=array("d", bytes(8 * count)),
            pending=range(count),
        )
        self._tracks[path.destination] = track
        hop = self._hops.get((path.link.name, path.next_hop))
        if hop is None:
            hop = self._hops[path.link.name, path.next_hop] = _Hop(path, self._wire.known_neighbour(path))
            if not hop.link:
                self._schedule(0.0, partial(self._ask, hop))
        if hop.link:
            self._start(track, hop.link)
        else:
            hop.waiting.append(track)

    def _start(self, track: _Track, link: bytes) -> None:
        """Let a lane send, now that it is known to whom."""
        path = track.path
        template = Template((link, path.link.address), path.source, path.destination, self._wire.port)
        self._schedule(0.0, partial(self._step, track, template))

    def _schedule(self, when: float, step: Callable[[float], float | None]) -> None:
        heapq.heappush(self._queue, (when, next(self._order), step))

    def _take_steps(self) -> float:
        """Take the steps that are due, within the total budget; return when the next one will be."""
        stop = self._sent + _BURSTS
        while self._queue and self._sent < stop:
            due = max(self._queue[0][0], self._total.ready_at(), self._paused_until)
            now = time.monotonic()
            if due > now:
                return due
            _, _, step = heapq.heappop(self._queue)
            when = step(now)
            if when is not None:
                self._schedule(when, step)
        return 0.0

    def _rest(self, until: float) -> None:
        if until > time.monotonic() and self._tracks:
            time.sleep(_TICK_SECONDS)
            self._wire.wait(max(0.0, until - time.monotonic()))

    def _step(self, track: _Track, template: Template, now: float) -> float | None:
        """Send a burst of a lane, or begin its next round."""
        if track.done or (track.cursor == len(track.pending) and not self._begin_round(track)):
            return None
        pace = track.lane.pace
        room = min(pace.room(now), self._total.room(now), _BURST)
        if not room:
            return max(pace.ready_at(), self._total.ready_at())
        try:
            track.lane.permit()
            self._send(track, template, room, now)
        except Unavailable as refusal:
            self._give_up(track, refusal.reason, refusal.detail)
        except OSError as error:
            self._unreachable(track, os.strerror(error.errno or 0))
        if track.cursor < len(track.pending):
            return pace.ready_at()
        return time.monotonic() + track.trip.timeout_seconds

    def _send(self, track: _Track, template: Template, room: int, now: float) -> None:
        """Send SYNs to the next ports that have not answered."""
        ports, states, numbers = track.lane.ports, track.lane.states, track.numbers
        places = track.pending[track.cursor : track.cursor + room]
        due = [place for place in places if ports[place] not in states]
        frames = template.patched([ports[place] for place in due], [numbers[place] for place in due])
        sent = self._wire.send(track.path, frames)
        self._spend(track, sent)
        if not track.rounds:
            track.sent_at[track.cursor : track.cursor + len(places)] = array("d", [now]) * len(places)
        if sent < len(due):
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
            track.cursor += places.index(due[sent])
        else:
            track.cursor += len(places)

    def _begin_round(self, track: _Track) -> bool:
        """Begin to ask again where nothing came; False where the lane is done."""
        self._drops += self._wire.drops()
        track.clean_rounds += self._drops == track.drops
        track.drops = self._drops
        track.rounds += 1
        if track.rounds == (_TRIES if track.lane.states else _TRIES_WHILE_SILENT):
            self._conclude(track)
            return False
        ports, states = track.lane.ports, track.lane.states
        track.pending = [place for place in track.pending if ports[place] not in states]
        track.cursor = 0
        return True

    def _ask(self, hop: _Hop, now: float) -> float | None:
        """Ask who has the address of a neighbour."""
        hop.waiting = [track for track in hop.waiting if not track.done]
        if not hop.waiting:
            return None
        if hop.tries == _NEIGHBOUR_TRIES:
            for track in hop.waiting:
                self._unreachable(track, "no neighbour answers for it")
            return None
        track = hop.waiting[0]
        if not track.lane.pace.room(now):
            return track.lane.pace.ready_at()
        try:
            track.lane.permit()
            self._spend(track, self._wire.send(hop.path, [hop.question()]))
        except Unavailable as refusal:
            self._give_up(track, refusal.reason, refusal.detail)
            return now
        except OSError as error:
            self._unreachable(track, os.strerror(error.errno or 0))
            return now
        hop.tries += 1
        hop.asked_at = now
        return now + _NEIGHBOUR_SECONDS

    def _take_neighbours(self, now: float) -> None:
        """Let the lanes send whose neighbour has answered."""
        for interface, address, link in self._wire.neighbours():
            hop = self._hops.get((interface, address))
            if hop is None or hop.link:
                continue
            hop.link = link
            for track in hop.waiting:
                if hop.tries == 1 and track.path.next_hop == track.path.destination:
                    track.trip.sample(now - hop.asked_at)
                self._start(track, link)
            hop.waiting.clear()

    def _take_answers(self, now: float) -> None:
        """Note what the ports said; what does not carry the cookie of a SYN of ours is not from them."""
        tracks = self._tracks
        for answers in self._wire.answers():
            for address, port, number, state in answers:
                track = tracks.get(address)
                if track is None:
                    continue
                place, states = track.index.get(port), track.lane.states
                if place is None or port in states or track.numbers[place] != number:
                    continue
                states[port] = state
                if not track.rounds and track.sampled_at != now:
                    track.trip.sample(now - track.sent_at[place])
                    track.sampled_at = now
                if state in _RESET_BY_KERNEL:
                    self._spend(track, 1)
                if len(states) == len(track.index):
                    self._finish(track)

    def _spend(self, track: _Track, packets: int) -> None:
        """Count packets that have just gone."""
        now = time.monotonic()
        track.lane.pace.spend(packets, now)
        self._total.spend(packets, now)
        self._sent += packets

    def _conclude(self, track: _Track) -> None:
        """Call what never answered silent, unless answers may have been lost here."""
        if track.clean_rounds < _TRIES_WHILE_SILENT:
            self._give_up(track, Reason.PACKET_LOSS, _LOST)
            return
        for port in track.lane.ports:
            track.lane.states.setdefault(port, State.NO_REPLY)
        self._finish(track)

    def _unreachable(self, track: _Track, why: str) -> None:
        detail = (
            f"{track.lane.address} cannot be reached from this host ({why}); is it up, are the routes right?"
        )
        self._give_up(track, Reason.UNREACHABLE, detail)

    def _give_up(self, track: _Track, reason: Reason, detail: str) -> None:
        track.lane.give_up(reason, detail)
        self._finish(track)

    def _finish(self, track: _Track) -> None:
        track.done = True
        del self._tracks[track.path.destination]
        self._finished(track.lane)
