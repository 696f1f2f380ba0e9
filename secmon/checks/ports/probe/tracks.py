"""Hold what is left to do of a lane that SYNs measure, and of a neighbour that packets are handed to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.roundtrip import RoundTrip
from secmon.checks.ports.segments import arp_request, neighbour_solicitation

if TYPE_CHECKING:
    from array import array

    from secmon.checks.ports.probe.lane import Lane
    from secmon.checks.ports.probe.wire import Path

LEAST_TRIES: Final = 2
"""One lost packet must not hide a port."""

_TRIES: Final = 3
_TRIES_AT_LOSS: Final = 4
_MUCH: Final = 64  # answers of which none is late: at 5 % loss that happens once in 27 times


@dataclass(slots=True)
class Hop:
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
    waiting: list[Track] = field(default_factory=list)
    tries: int = 0
    asked_at: float = 0.0

    def question(self) -> bytes:
        """Return the frame that asks for its Ethernet address."""
        ask = arp_request if len(self.path.next_hop) == 4 else neighbour_solicitation
        return ask(self.path.link.address, self.path.source, self.path.next_hop)


@dataclass(slots=True)
class Track:
    """What is left to do of a lane.

    Attributes:
        lane: the lane.
        path: how its packets leave.
        secret: what the words of the cookies are mixed with.
        pending: ports to ask in this round; no tuple, for 65,535 objects here and there cost cache misses.
        cursor: how many of them have been asked.
        sent_at: some ports -> when their SYNs were sent, while nothing was sent twice.
        trip: the measured round trip.
        late: answers of the host itself after the first round; routers and kernels limit their ICMP errors.
        rounds: rounds that are over.
        clean_rounds: those of them in which this host lost no answer of anybody.
        drops: answers that this host had lost when the round began.
        done: nothing is left to do.
    """

    lane: Lane
    path: Path
    secret: int
    pending: array[int]
    cursor: int = 0
    sent_at: dict[int, float] = field(default_factory=dict)
    trip: RoundTrip = field(default_factory=RoundTrip)
    late: int = 0
    rounds: int = 0
    clean_rounds: int = 0
    drops: int = 0
    done: bool = False

    @property
    def tries(self) -> int:
        """Return how often each port is asked.

        Twice where the host answers nothing at all, or much and nothing late; four times where packets get
        lost, since an answer came only to a repetition, or this host lost some; three times else. With 5 % of
        the packets lost, a port that is open stays unseen with a probability of 0.05^4 = 6e-6 (0.0975^4 =
        9e-5 where both directions lose as much); among few answers, none of them late, of 0.05^3 = 1e-4.
        """
        if self.late or self.clean_rounds < self.rounds:
            return _TRIES_AT_LOSS
        answered = len(self.lane.states)
        return _TRIES if 0 < answered < _MUCH else LEAST_TRIES
