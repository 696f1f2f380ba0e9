"""Say what a detector is: it is told events, and asked at the end of a window which incidents it saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from secmon.checks.traffic.events import Event


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a sensor knows of its network beside the packets.

    Attributes:
        gateways: IPv4 addresses of this host's gateways, empty where they are not known.
    """

    gateways: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Incident:
    """One anomaly with a beginning; the same source and destination later is the same incident or a new one.

    Attributes:
        source: address that caused it, None where no single one did or it is not known.
        destination: address that it was aimed at.
        port: port that it was aimed at, None where there were several or none.
        score: strength as a multiple of the detector's own threshold, at least 1.
        first_seen: Unix seconds.
        last_seen: Unix seconds.
        count: events that make it up; the detector says which.
        evidence: one English sentence: what was seen. No payload.
        counter_evidence: one English sentence: what speaks against it, "" for nothing.
    """

    source: str | None
    destination: str
    port: int | None
    score: float
    first_seen: float
    last_seen: float
    count: int
    evidence: str
    counter_evidence: str


class Detector(Protocol):
    """One detector; its state is bounded, whatever it is told.

    Attributes:
        two_sided: it can say nothing where only one direction is seen.
        overflowed: something gave way in this window that might have become an incident.
    """

    two_sided: bool
    overflowed: bool

    def handlers(self) -> Mapping[type[Event], Callable[[Any], None]]:
        """Return what to call for each kind of event that it wants."""
        ...

    def begin_window(self, now: float) -> None:
        """Forget the incidents that were over before `now` (Unix seconds of the packets)."""
        ...

    def tick(self, now: float) -> None:
        """Forget what led to no incident by `now`; called every second or so of the packets' time."""
        ...

    def incidents(self, since: float) -> list[Incident]:
        """Return the incidents that were seen at or after `since` (Unix seconds)."""
        ...
