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
MAX_STRANGERS: Final = 256
"""Sources that fail at one port in a window and at no other. Beyond it the port is down or under a flood,
whose forged sources would only push walks out of the table; a scan loses one port by it."""

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
    ports: dict[int, tuple[float, Fate, bool]]  # -> when, how it failed, whether that counted as a step
    steps: int

    def fail(self, attempt: Attempt, *, counted: bool) -> None:
        known = self.ports.get(attempt.port)
        if known is None or (counted and not known[2]):
            self.steps += counted
        else:
            counted = known[2]
        self.ports[attempt.port] = (attempt.ended, attempt.fate, counted)
        self.last = attempt.ended

    def succeed(self, port: int) -> None:
        _, _, counted = self.ports.pop(port, (0.0, Fate.UNANSWERED, False))
        self.steps -= 1 + counted

    def rest(self) -> None:
        self.steps = 0
        self.ports = {port: (when, fate, False) for port, (when, fate, _) in self.ports.items()}


@dataclass(slots=True)
class _Scan:
    """What a source that is known to scan did; its size does not depend on how many ports it tries."""

    first: float
    last: float
    threshold: int  # ports at which it was recognised
    fates: list[int] = field(default_factory=lambda: [0] * len(Fate))  # of its attempts
    tried: bytearray = field(default_factory=lambda: bytearray(_ALL_PORTS // 8))
    distinct: int = 0

    def add(self, port: int) -> None:
        if not self.tried[port >> 3] & 1 << (port & 7):
            self.tried[port >> 3] |= 1 << (port & 7)
            self.distinct += 1

    def remove(self, port: int) -> None:
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
        self._strangers: Recent[tuple[bytes, int], int] = Recent(MAX_SERVICES)

    def handlers(self) -> Mapping[type[Event], Callable[[Attempt], None]]:
        """Return what to call for each kind of event that it wants."""
        return {Attempt: self._attempt}

    def begin_window(self, now: float) -> None:
        """Forget the scans that were over before `now`; see `Detector.begin_window`."""
        self.overflowed = False
        self._strangers = Recent(MAX_SERVICES)
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
        pair, service = (attempt.client, attempt.server), (attempt.server, attempt.port)
        is_new = service not in self._services  # not known to serve anybody
        scan = self._scans.get(pair)
        if scan:
            self._go_on(scan, attempt, pair, is_new=is_new)
        elif is_new and attempt.fate in _FAILURES:
            self._walk(attempt, pair)
        elif is_new and attempt.fate is Fate.COMPLETED:
            walk = self._walks.get(pair)
            if walk:
                walk.succeed(attempt.port)
        if attempt.fate is Fate.COMPLETED:
            self._services.put(service, attempt.ended)
        if attempt.fate in _ANSWERS:
            self._alive.put(attempt.server, attempt.ended)

    def _go_on(self, scan: _Scan, attempt: Attempt, pair: _Pair, *, is_new: bool) -> None:
        scan.fates[attempt.fate] += 1
        if is_new and attempt.fate in _FAILURES:
            scan.add(attempt.port)
            scan.last = attempt.ended
            self._scans.put(pair, scan)
        elif attempt.fate is Fate.COMPLETED:
            scan.remove(attempt.port)

    def _walk(self, attempt: Attempt, pair: _Pair) -> None:
        walk = self._walks.get(pair)
        if walk is None:
            if self._is_crowded((attempt.server, attempt.port)):
                return
            walk = _Walk(attempt.began, attempt.ended, {}, 0)
        if attempt.ended - walk.last > WALK_SECONDS:
            walk.rest()
        counted = attempt.fate is Fate.REFUSED or self._is_alive(attempt.server, attempt.ended)
        walk.fail(attempt, counted=counted)
        if walk.steps >= WALK_ALARM or self._is_slow_scan(walk):
            self._walks.pop(pair)
            self._recognise(pair, walk)
            return
        if len(walk.ports) > MAX_PORTS_OF_WALK:
            walk.ports = dict(list(walk.ports.items())[-SLOW_PORTS:])
        self._remember(pair, walk)

    def _is_crowded(self, service: tuple[bytes, int]) -> bool:
        """Count one more source that fails at a port and at no other."""
        strangers = (self._strangers.get(service) or 0) + 1
        if strangers <= MAX_STRANGERS:
            self._strangers.put(service, strangers)
        return strangers > MAX_STRANGERS

    @staticmethod
    def _is_slow_scan(walk: _Walk) -> bool:
        if len(walk.ports) < SLOW_PORTS:
            return False
        return sum(walk.last - when <= SLOW_SECONDS for when, _, _ in walk.ports.values()) >= SLOW_PORTS

    def _is_alive(self, server: bytes, now: float) -> bool:
        answered = self._alive.get(server)
        return answered is not None and now - answered <= ALIVE_SECONDS

    def _remember(self, pair: _Pair, walk: _Walk) -> None:
        evicted = self._walks.put(pair, walk)
        if evicted and walk.last - evicted[1].last <= WALK_SECONDS:
            self.overflowed = True

    def _recognise(self, pair: _Pair, walk: _Walk) -> None:
        scan = _Scan(walk.first, walk.last, len(walk.ports))
        for port, (_, fate, _) in walk.ports.items():
            scan.add(port)
            scan.fates[fate] += 1
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
