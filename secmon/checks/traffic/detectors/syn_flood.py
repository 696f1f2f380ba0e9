"""Find SYN floods: more connections begun at a port than are completed there.

A non-parametric CUSUM test (Wang, Zhang, Shin: Detecting SYN Flooding Attacks, 2002) with its published a =
0.35 and N = 1.05, over bins of one second: X = (SYNs - completed) / mean(completed), y = max(0, y + X - a),
and a flood from y > N on. Wang et al. count the answers (SYN-ACK) at the router of the sender; on the
victim's side a kernel with SYN cookies answers every forged SYN (RFC 4987 3.6), so what counts here is the
client's own third segment. A SYN counts when its fate is known, so a burst of clients is no flood.

The unit is a port of a host, since that is what has the backlog that fills: a scan, which sends few SYNs to
each of many ports, is none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from secmon.checks.traffic.addresses import address_text
from secmon.checks.traffic.detectors.contract import Incident
from secmon.checks.traffic.events import Attempt, Fate
from secmon.checks.traffic.tables import Recent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from secmon.checks.traffic.detectors.contract import Surroundings
    from secmon.checks.traffic.events import Event

DRIFT: Final = 0.35
"""The paper's a: the most that X is expected to be in ordinary traffic."""

ALARM: Final = 1.05
"""The paper's N."""

LEAST_MEAN: Final = 100.0
"""Connections a second by which X is divided at least. With a mean near 0 a single lost SYN would be a
flood; with this one, no rate below 35 unanswered SYNs a second ever is (500 a second overwhelm an unprotected
server, the paper says)."""

MEMORY: Final = 0.9
"""Weight of the past in the mean: about ten seconds."""

CEILING: Final = 10 * ALARM
"""y goes no higher, so that the end of a long flood is seen within half a minute."""

MAX_SERVICES: Final = 8192
MAX_SOURCES: Final = 8
"""Counters of the heavy-hitter summary: a source with more than 1/9 of all is in it."""

MAX_FLOODS: Final = 1024

_LOST: Final = frozenset({Fate.REFUSED, Fate.UNANSWERED, Fate.HALF_OPEN})
_COMPLETED: Final = frozenset({Fate.COMPLETED, Fate.UNSEEN})

_Service = tuple[bytes, int]


@dataclass(slots=True)
class _Backlog:
    """What happens at one port of one host."""

    second: int
    mean: float = 0.0
    excess: float = 0.0  # y, up to the current second
    lost: int = 0  # in the current second
    completed: int = 0  # in the current second
    first: float = 0.0
    last: float = 0.0
    peak: float = 0.0
    most: int = 0
    fates: list[int] = field(default_factory=lambda: [0] * len(Fate))
    sources: dict[bytes, int] = field(default_factory=dict)

    @property
    def level(self) -> float:
        """Return y as it stands within the current second."""
        return max(0.0, self.excess + self.lost / max(self.mean, LEAST_MEAN) - DRIFT)

    def advance(self, second: int) -> None:
        """Close the seconds before `second`."""
        if second == self.second:
            return
        if second > self.second:
            idle = second - self.second - 1
            self.excess = max(0.0, min(self.level, CEILING) - DRIFT * idle)
            self.mean = (MEMORY * self.mean + (1 - MEMORY) * self.completed) * MEMORY ** min(idle, 1000)
        self.lost = self.completed = 0  # a clock that was set back begins a second, too
        self.second = second

    def forget(self) -> None:
        """Begin a new episode: nothing of an earlier one counts."""
        self.first = self.last = self.peak = 0.0
        self.most = 0
        self.fates = [0] * len(Fate)
        self.sources = {}

    def lose(self, attempt: Attempt) -> None:
        """Count an attempt that was not completed."""
        self.lost += 1
        self.most = max(self.most, self.lost)
        self.first = self.first or attempt.began
        count_source(self.sources, attempt.client)
        level = self.level
        if level > 0:
            self.last = attempt.ended
            self.peak = max(self.peak, level)


class SynFlood:
    """The SYN floods on a link."""

    two_sided = True

    def __init__(self, surroundings: Surroundings) -> None:
        del surroundings  # a flood looks the same everywhere
        self.overflowed = False
        self._backlogs: Recent[_Service, _Backlog] = Recent(MAX_SERVICES)
        self._floods: Recent[_Service, _Backlog] = Recent(MAX_FLOODS)

    def handlers(self) -> Mapping[type[Event], Callable[[Attempt], None]]:
        """Return what to call for each kind of event that it wants."""
        return {Attempt: self._attempt}

    def begin_window(self, now: float) -> None:
        """Let the floods that were over before `now` be ordinary again; see `Detector.begin_window`."""
        self.overflowed = False
        over = []
        for service, backlog in self._floods.items():
            backlog.advance(int(now))
            if not backlog.level:
                over.append(service)
        for service in over:
            backlog = self._floods.pop(service) or _Backlog(int(now))
            backlog.forget()
            self._backlogs.put(service, backlog)

    def tick(self, now: float) -> None:
        """Do nothing: a port that is quiet costs nothing until it gives way; see `Detector.tick`."""

    def incidents(self, since: float) -> list[Incident]:
        """Return the floods that went on at or after `since`; see `Detector.incidents`."""
        return [_incident(*item) for item in self._floods.items() if item[1].last >= since]

    def _attempt(self, attempt: Attempt) -> None:
        service = (attempt.server, attempt.port)
        flood = self._floods.get(service)
        backlog = flood or self._backlogs.get(service) or _Backlog(int(attempt.ended))
        backlog.advance(int(attempt.ended))
        if not flood and not backlog.excess and not backlog.lost and backlog.first:
            backlog.forget()
        backlog.fates[attempt.fate] += 1
        if attempt.fate in _COMPLETED:
            backlog.completed += 1
        elif attempt.fate in _LOST:
            backlog.lose(attempt)
        if flood:
            return
        if backlog.peak > ALARM:
            self._backlogs.pop(service)
            self._crowd(self._floods.put(service, backlog))
        else:
            self._crowd(self._backlogs.put(service, backlog))

    def _crowd(self, evicted: tuple[_Service, _Backlog] | None) -> None:
        if evicted and (evicted[1].level or evicted[1].peak > ALARM):
            self.overflowed = True


def count_source(sources: dict[bytes, int], source: bytes) -> None:
    """Count an address in a summary of at most `MAX_SOURCES` heavy hitters (Misra and Gries, 1982)."""
    if source in sources:
        sources[source] += 1
    elif len(sources) < MAX_SOURCES:
        sources[source] = 1
    else:
        for known in list(sources):
            sources[known] -= 1
            if not sources[known]:
                del sources[known]


def _incident(service: _Service, backlog: _Backlog) -> Incident:
    server, port = service
    destination = address_text(server)
    lost = sum(backlog.fates[fate] for fate in _LOST)
    heaviest = max(backlog.sources, key=backlog.sources.__getitem__, default=b"")
    alone = bool(heaviest) and backlog.sources[heaviest] * 2 >= lost
    source = address_text(heaviest) if alone else None
    origin = f"most of them from {source}" if source else "no single source sent half of them"
    return Incident(
        source=source,
        destination=destination,
        port=port,
        score=round(backlog.peak / ALARM, 2),
        first_seen=backlog.first,
        last_seen=backlog.last,
        count=lost,
        evidence=(
            f"{lost} connections to port {port} of {destination} were begun and not completed,"
            f" {backlog.most} in one second at most; {origin}"
        ),
        counter_evidence=_counter_evidence(backlog),
    )


def _counter_evidence(backlog: _Backlog) -> str:
    completed = sum(backlog.fates[fate] for fate in _COMPLETED)
    refused = backlog.fates[Fate.REFUSED]
    if refused:
        return f"{refused} were refused, as when clients keep trying a service that is down"
    if completed:
        return f"{completed} handshakes were completed in the same time"
    return "no handshake was completed: a server that is down under the load of its clients looks the same"
