"""Send a SYN to many ports of many addresses from one thread, and read the answers, without connecting.

Ports that do not answer are asked again (`tracks.Track.tries`), in rounds that are apart by what the host's
measured round trip suggests. When a SYN-ACK arrives, the kernel, which knows of no such connection, answers
with a reset: nothing stays half open at the host, and the packet counts.
"""

from __future__ import annotations

import heapq
import itertools
import os
import time
from array import array
from functools import partial
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.probe.tracks import LEAST_TRIES, Hop, Track
from secmon.checks.ports.probe.wire import SynHandles, Wire
from secmon.checks.ports.replies import Asked
from secmon.checks.ports.segments import KEY_BYTES, Cookies, Template
from secmon.checks.ports.sweep import State
from secmon.core.contract import Unavailable
from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from secmon.checks.ports.pace import Pace
    from secmon.checks.ports.probe.lane import Lane

_NEIGHBOUR_TRIES: Final = 3  # MAX_MULTICAST_SOLICIT and RETRANS_TIMER of RFC 4861 10
_NEIGHBOUR_SECONDS: Final = 1.0
_BURST: Final = 256
"""Packets to one address between two looks at the clock."""
_TIMED: Final = 16
"""Ports of a burst whose round trip is measured."""
_BURSTS: Final = 2048
"""Packets between two looks at the answers: a quarter of what the ring holds."""
_TICK_SECONDS: Final = 0.01
"""Time slept at least, so that a wake-up is worth several packets."""
_PAUSE_SECONDS: Final = 0.01
"""Nothing is sent for so long after a queue of this host was full."""

_LOST: Final = "This host lost answers, since more came than it could take; lower the rate."


class SynEngine:
    """Measures lanes with SYNs; the gate is asked once for each burst to an address.

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
        """Measure until all is done or the deadline is there; arguments as of `lane.Engine.run`.

        All lanes are supported.
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
        self._tracks: dict[bytes, Track] = {}
        self._asked: dict[bytes, Asked] = {}
        self._hops: dict[tuple[str, bytes], Hop] = {}
        self._sent = 0
        self._paused_until = 0.0
        self._drops = 0
        wire.drops()  # what was lost before is none of ours
        self._cookies = Cookies(os.urandom(KEY_BYTES))
        for lane in lanes:
            self._add(lane)

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
            if track.clean_rounds >= LEAST_TRIES:
                self._conclude(track)
            elif self._drops > track.drops:
                track.lane.give_up(Reason.PACKET_LOSS, _LOST)

    def _add(self, lane: Lane) -> None:
        """Queue a lane behind the neighbour that its packets are handed to."""
        path = self._wire.path(lane.address)
        if not lane.ports:
            self._finished(lane)
            return
        if path is None:
            raise ValueError(f"{lane.address} is not supported")
        secret = self._cookies.secret(path.destination)
        track = Track(lane, path, secret, array("H", lane.ports))
        self._tracks[path.destination] = track
        self._asked[path.destination] = Asked(self._cookies.words, secret, lane.states)
        hop = self._hops.get((path.link.name, path.next_hop))
        if hop is None:
            hop = self._hops[path.link.name, path.next_hop] = Hop(path, self._wire.known_neighbour(path))
            if not hop.link:
                self._schedule(0.0, partial(self._ask, hop))
        if hop.link:
            self._start(track, hop.link)
        else:
            hop.waiting.append(track)

    def _start(self, track: Track, link: bytes) -> None:
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

    def _step(self, track: Track, template: Template, now: float) -> float | None:
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

    def _send(self, track: Track, template: Template, room: int, now: float) -> None:
        """Send SYNs to the next ports that have not answered."""
        words, secret, states = self._cookies.words, track.secret, track.lane.states
        ports = track.pending[track.cursor : track.cursor + room]
        due = [port for port in ports if port not in states]
        frames = template.burst(due, [words[port] ^ secret for port in due])
        sent = self._transmit(track, frames, template.size)
        if not track.rounds:
            track.sent_at.update(dict.fromkeys(due[: min(sent, _TIMED)], now))
        track.cursor += len(ports) if sent == len(due) else ports.index(due[sent])

    def _begin_round(self, track: Track) -> bool:
        """Begin to ask again where nothing came; False where the lane is done."""
        self._drops += self._wire.drops()
        track.clean_rounds += self._drops == track.drops
        track.drops = self._drops
        track.rounds += 1
        if track.rounds >= track.tries:
            self._conclude(track)
            return False
        track.pending = array("H", [port for port in track.pending if port not in track.lane.states])
        track.cursor = 0
        track.sent_at.clear()
        return True

    def _ask(self, hop: Hop, now: float) -> float | None:
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
            question = hop.question()
            hop.tries += self._transmit(track, question, len(question))
        except Unavailable as refusal:
            self._give_up(track, refusal.reason, refusal.detail)
            return now
        except OSError as error:
            self._unreachable(track, os.strerror(error.errno or 0))
            return now
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
        """Note what ports answered."""
        for address, new in self._wire.answers(self._asked):
            track = self._tracks[address]
            track.lane.states.update(new)
            met = list(new.values())
            if opened := met.count(State.OPEN) + met.count(State.UNRELIABLE):
                self._spend(track, opened)
            if track.rounds:
                track.late += len(met) - met.count(State.FILTERED)
            if timed := track.sent_at.keys() & new.keys():
                track.trip.sample(now - track.sent_at[timed.pop()])  # one sample per look is enough
            if len(track.lane.states) == len(track.lane.ports):
                self._finish(track)

    def _transmit(self, track: Track, frames: bytes | bytearray, size: int) -> int:
        """Send frames, and pause where a queue of this host was full; return how many went."""
        sent = self._wire.send(track.path.link, frames, size)
        self._spend(track, sent)
        if sent * size < len(frames):
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
        return sent

    def _spend(self, track: Track, packets: int) -> None:
        """Count packets that have just gone."""
        now = time.monotonic()
        track.lane.pace.spend(packets, now)
        self._total.spend(packets, now)
        self._sent += packets

    def _conclude(self, track: Track) -> None:
        """Call what never answered silent, unless answers may have been lost here."""
        if track.clean_rounds < LEAST_TRIES:
            self._give_up(track, Reason.PACKET_LOSS, _LOST)
            return
        for port in track.lane.ports:
            track.lane.states.setdefault(port, State.NO_REPLY)
        self._finish(track)

    def _unreachable(self, track: Track, why: str) -> None:
        detail = (
            f"{track.lane.address} cannot be reached from this host ({why}); is it up, are the routes right?"
        )
        self._give_up(track, Reason.UNREACHABLE, detail)

    def _give_up(self, track: Track, reason: Reason, detail: str) -> None:
        track.lane.give_up(reason, detail)
        self._finish(track)

    def _finish(self, track: Track) -> None:
        track.done = True
        del self._tracks[track.path.destination], self._asked[track.path.destination]
        self._finished(track.lane)
