"""Find vertical TCP port scans: one source that tries many ports of one host.

Two measures, since each is blind to what the other sees:

- Threshold Random Walk (Jung, Paxson, Berger, Balakrishnan: Fast Portscan Detection Using Sequential
  Hypothesis Testing, 2004) over the distinct ports that a source tries on a host. Each refusal multiplies
  the likelihood ratio by theta1/theta0 of failure = 0.8 / 0.2 = 4, each connection by 1/4; from P_D / P_F =
  0.99 / 0.01 = 99 on, after four failures in a row, it is a scan. Silence counts only where the host is
  known to be up: failures at a host that is down or starting are not independent of each other, as the test
  requires.
- A slow window: 15 distinct ports of one host without a connection within an hour (Zeek's misc/scan).

A port that is known to serve, or serves later, does not count as a failure: servers are restarted.
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

WALK_ALARM: Final = 4
"""Failures beyond successes: 4 ** 4 = 256 is the first power of the ratio at or above 99."""

WALK_SECONDS: Final = 300.0
"""Without a failure for so long the walk starts anew, and a scan is over (Zeek's interval)."""

SLOW_PORTS: Final = 15
SLOW_SECONDS: Final = 3600.0
ALIVE_SECONDS: Final = 60.0
"""A host that answered anything so recently is up."""

MAX_WALKS: Final = 32_768
MAX_SCANS: Final = 1024
MAX_SERVICES: Final = 16_384
MAX_PORTS_OF_WALK: Final = 64
_ALL_PORTS: Final = 65_536
_PORTS_SHOWN: Final = 5

_FAILURES: Final = frozenset({Fate.REFUSED, Fate.UNANSWERED})
_ANSWERS: Final = frozenset({Fate.COMPLETED, Fate.REFUSED, Fate.HALF_OPEN, Fate.ABORTED})

_Pair = tuple[bytes, bytes]


@dataclass(slots=True)
class _Walk:
    """What a source that is not known to scan tried on a host without a connection."""

    first: float
    last: float
    ports: dict[int, tuple[float, bool]] = field(default_factory=dict)  # -> when, counted as a step
    steps: int = 0
    fates: list[int] = field(default_factory=lambda: [0] * len(Fate))

    def fail(self, port: int, now: float, *, counted: bool) -> None:
        known = self.ports.get(port)
        if known is None or (counted and not known[1]):
            self.steps += counted
        else:
            counted = known[1]
        self.ports[port] = (now, counted)
        self.last = now

    def succeed(self, port: int) -> None:
        _, counted = self.ports.pop(port, (0.0, False))
        self.steps -= 1 + counted

    def rest(self) -> None:
        self.steps = 0
        self.ports = {port: (when, False) for port, (when, _) in self.ports.items()}


@dataclass(slots=True)
class _Scan:
    """What a source that is known to scan did; its size does not depend on how many ports it tries."""

    first: float
    last: float
    threshold: int  # ports at which it was recognised
    fates: list[int]
    tried: bytearray = field(default_factory=lambda: bytearray(_ALL_PORTS // 8))
    distinct: int = 0

    def fail(self, port: int, now: float) -> None:
        self.last = now
        if not self.tried[port >> 3] & 1 << (port & 7):
            self.tried[port >> 3] |= 1 << (port & 7)
            self.distinct += 1

    def succeed(self, port: int) -> None:
        if self.tried[port >> 3] & 1 << (port & 7):
            self.tried[port >> 3] ^= 1 << (port & 7)
            self.distinct -= 1

    def ports(self) -> list[int]:
        return [port for port in range(_ALL_PORTS) if self.tried[port >> 3] & 1 << (port & 7)]


class PortScan:
    """The vertical scans on a link."""

    two_sided = True

    def __init__(self, surroundings: Surroundings) -> None:
        del surroundings  # a scan looks the same everywhere
        self.overflowed = False
        self._walks: Recent[_Pair, _Walk] = Recent(MAX_WALKS)
        self._scans: Recent[_Pair, _Scan] = Recent(MAX_SCANS)
        self._services: Recent[tuple[bytes, int], float] = Recent(MAX_SERVICES)
        self._alive: Recent[bytes, float] = Recent(MAX_SERVICES)

    def handlers(self) -> Mapping[type[Event], Callable[[Attempt], None]]:
        """Return what to call for each kind of event that it wants."""
        return {Attempt: self._attempt}

    def begin_window(self, now: float) -> None:
        """Forget the scans that were over before `now`; see `Detector.begin_window`."""
        self.overflowed = False
        self._scans.drop_while(lambda scan: not 0 <= now - scan.last <= WALK_SECONDS)

    def tick(self, now: float) -> None:
        """Forget the walks that led to nothing; see `Detector.tick`."""
        self._walks.drop_while(lambda walk: not 0 <= now - walk.last <= SLOW_SECONDS)

    def incidents(self, since: float) -> list[Incident]:
        """Return the scans that went on at or after `since`; see `Detector.incidents`."""
        return [
            _incident(pair, scan)
            for pair, scan in self._scans.items()
            if scan.last >= since and scan.distinct >= WALK_ALARM
        ]

    def _attempt(self, attempt: Attempt) -> None:
        fate, pair = attempt.fate, (attempt.client, attempt.server)
        service = (attempt.server, attempt.port)
        first_contact = service not in self._services
        if fate in _FAILURES and first_contact:
            self._fail(attempt, pair)
        record = self._scans.get(pair) or self._walks.get(pair)
        if record:
            record.fates[fate] += 1
        if fate is Fate.COMPLETED:
            self._services.put(service, attempt.ended)
            if record and first_contact:
                record.succeed(attempt.port)
        if fate in _ANSWERS:
            self._alive.put(attempt.server, attempt.ended)

    def _fail(self, attempt: Attempt, pair: _Pair) -> None:
        scan = self._scans.get(pair)
        if scan:
            scan.fail(attempt.port, attempt.ended)
            self._scans.put(pair, scan)
            return
        walk = self._walks.get(pair) or _Walk(attempt.began, attempt.ended)
        if attempt.ended - walk.last > WALK_SECONDS:
            walk.rest()
        counted = attempt.fate is Fate.REFUSED or self._is_alive(attempt.server, attempt.ended)
        walk.fail(attempt.port, attempt.ended, counted=counted)
        recent = sum(attempt.ended - when <= SLOW_SECONDS for when, _ in walk.ports.values())
        if walk.steps >= WALK_ALARM or recent >= SLOW_PORTS:
            self._walks.pop(pair)
            self._recognise(pair, walk)
            return
        if len(walk.ports) > MAX_PORTS_OF_WALK:
            walk.ports = dict(list(walk.ports.items())[-SLOW_PORTS:])
        self._remember(pair, walk)

    def _is_alive(self, server: bytes, now: float) -> bool:
        answered = self._alive.get(server)
        return answered is not None and now - answered <= ALIVE_SECONDS

    def _remember(self, pair: _Pair, walk: _Walk) -> None:
        evicted = self._walks.put(pair, walk)
        if evicted and walk.last - evicted[1].last <= WALK_SECONDS:
            self.overflowed = True

    def _recognise(self, pair: _Pair, walk: _Walk) -> None:
        scan = _Scan(walk.first, walk.last, len(walk.ports), walk.fates)
        for port in walk.ports:
            scan.fail(port, walk.last)
        if self._scans.put(pair, scan):
            self.overflowed = True


def _incident(pair: _Pair, scan: _Scan) -> Incident:
    source, destination = map(address_text, pair)
    ports = scan.ports()
    lowest = ", ".join(map(str, ports[:_PORTS_SHOWN]))
    evidence = (
        f"{source} tried {len(ports)} ports of {destination} without a connection"
        f" ({scan.fates[Fate.REFUSED]} attempts refused, {scan.fates[Fate.UNANSWERED]} unanswered);"
        f" the lowest are {lowest}, the highest {ports[-1]}"
    )
    completed = scan.fates[Fate.COMPLETED]
    counter = (
        f"{completed} connections between the two were completed"
        if completed
        else "no handshake was completed, so the source address may be forged"
    )
    return Incident(
        source=source,
        destination=destination,
        port=None,
        score=round(max(1.0, len(ports) / scan.threshold), 2),
        first_seen=scan.first,
        last_seen=scan.last,
        count=len(ports),
        evidence=evidence,
        counter_evidence=counter,
    )
