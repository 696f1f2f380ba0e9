"""Feed frames to all detectors, and say at the end of a window what was seen and what could not be."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from secmon.checks.traffic import announcements, headers
from secmon.checks.traffic.announcements import DHCP_PORTS
from secmon.checks.traffic.conversations import Conversations
from secmon.checks.traffic.detectors import DETECTORS
from secmon.checks.traffic.events import Attempt
from secmon.checks.traffic.headers import ARP, SHORT, TCP, UDP, VRRP
from secmon.checks.traffic.known import is_known
from secmon.core.model import Fact, Reason
from secmon.core.texts import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from secmon.checks.traffic.detectors.contract import Detector, Incident, Surroundings
    from secmon.checks.traffic.events import Event
    from secmon.checks.traffic.frames import Frame
    from secmon.checks.traffic.headers import Packet
    from secmon.checks.traffic.known import KnownSource

TICK_SECONDS: Final = 0.25

MAX_LOSS_RATIO: Final = 0.001
"""Above it an attack may have been among what was lost."""


@dataclass(frozen=True, slots=True)
class Span:
    """What only the probe knows of a window.

    Attributes:
        name: of the interface or capture file.
        since: Unix seconds of its beginning; incidents that ended before are not of it. None for a file.
        now: Unix seconds of its end; None for a file, whose last packet ends it.
        dropped: frames that were lost, None where nobody counted them.
        damage: why not all frames could be read, None where all were.
    """

    name: str
    since: float | None = None
    now: float | None = None
    dropped: int | None = None
    damage: Reason | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a window saw.

    Attributes:
        facts: one `interface`, and the anomalies.
        looked: kind or `anomaly/DETECTOR` -> None where it was looked at completely, else why not.
        packets: frames that were seen.
        detail: sentences for a person: what could not be looked at, what was left out; "" for nothing.
    """

    facts: tuple[Fact, ...]
    looked: dict[str, Reason | None]
    packets: int
    detail: str


class Sensor:
    """Detectors with their state over windows, and the counts of the window that is open."""

    def __init__(self, surroundings: Surroundings, known: Iterable[KnownSource] = ()) -> None:
        self._known = tuple(known)
        self._detectors = {name: make(surroundings) for name, make in DETECTORS.items()}
        self._handlers: dict[type[Event], list[Callable[[Any], None]]] = {}
        for detector in self._detectors.values():
            for kind, handler in detector.handlers().items():
                self._handlers.setdefault(kind, []).append(handler)
        self._conversations = Conversations()
        self._quiet = (math.inf, math.inf)
        self._last = 0.0
        self._clear()

    def feed(self, frames: Iterable[Frame]) -> None:
        """Take frames, oldest first; an exception of theirs passes through after those before it counted.

        Args:
            frames: as `frames.Frame`; their buffers are not kept.
        """
        segment, decided = self._conversations.segment, self._conversations.decided
        parsers, known_link = headers.PARSERS, headers.ETHERNET
        parse = parsers[known_link]
        quiet_from, quiet_to = self._quiet
        stamp, packets, size = self._last, 0, 0
        try:
            for frame in frames:
                stamp, data, start, end, wire, link, _ = frame
                packets += 1
                size += wire
                if not quiet_from <= stamp < quiet_to:
                    self._quiet = quiet_from, quiet_to = stamp, stamp + TICK_SECONDS
                    self._tick(stamp)
                if link != known_link:
                    if link not in parsers:
                        self._unsupported[link] = self._unsupported.get(link, 0) + 1
                        continue
                    parse, known_link = parsers[link], link
                packet = parse(data, start, end)
                protocol = packet[0]
                if protocol == TCP:
                    segment(stamp, packet)
                    if decided:
                        self._tell_decided()
                elif protocol != UDP or packet[4] in DHCP_PORTS:
                    self._take_rarer(frame, packet)
        finally:
            self._last = stamp
            self._packets += packets
            self._bytes += size

    def close(self, span: Span) -> Seen:
        """End the window, say what it saw and begin the next one.

        Args:
            span: what the probe knows of it.

        Returns:
            What was seen.
        """
        now = self._last if span.now is None else span.now
        self._tick(now)
        since = -math.inf if span.since is None else span.since
        one_sided = self._conversations.one_sided
        facts, ignored = [self._interface(span, one_sided=one_sided)], 0
        looked: dict[str, Reason | None] = {"interface": span.damage}
        general = self._general_reason(span)
        for name, detector in self._detectors.items():
            looked[f"anomaly/{name}"] = general or self._own_reason(detector, one_sided=bool(one_sided))
            if detector.two_sided and one_sided:
                continue
            for incident in detector.incidents(since):
                if is_known(name, incident, self._known):
                    ignored += 1
                else:
                    facts.append(anomaly(name, incident))
        seen = Seen(tuple(facts), looked, self._packets, self._detail(span, looked, ignored))
        for detector in self._detectors.values():
            detector.begin_window(now)
        self._conversations.begin_window()
        self._clear()
        return seen

    def _clear(self) -> None:
        self._packets = self._bytes = self._cut = 0
        self._unsupported: dict[int, int] = {}
        self._first, self._last, self._quiet = math.inf, 0.0, (math.inf, math.inf)

    def _tick(self, now: float) -> None:
        self._first = min(self._first, now)
        self._conversations.expire(now)
        self._tell_decided()
        for detector in self._detectors.values():
            detector.tick(now)

    def _tell_decided(self) -> None:
        decided = self._conversations.decided
        for handler in self._handlers[Attempt]:
            for attempt in decided:
                handler(attempt)
        decided.clear()

    def _take_rarer(self, frame: Frame, packet: Packet) -> None:
        event: Event | None = None
        if packet[0] == ARP:
            event = announcements.read_claim(frame, packet)
        elif packet[0] == UDP:
            event = announcements.read_lease(frame, packet)
        elif packet[0] == VRRP:
            event = announcements.read_advertisement(frame, packet)
        elif packet[0] == SHORT:
            _, _, start, end, wire, _, _ = frame
            self._cut += end - start < wire
        if event:
            for handler in self._handlers[type(event)]:
                handler(event)

    def _interface(self, span: Span, *, one_sided: bool | None) -> Fact:
        if span.since is not None and span.now is not None:
            duration = span.now - span.since
        else:
            duration = max(0.0, self._last - self._first) if self._packets else 0.0
        values = {
            "name": cut(span.name),
            "packets": self._packets,
            "bytes": self._bytes,
            "dropped": span.dropped,
            "loss_ratio": self._loss_ratio(span),
            "one_sided": one_sided,
            "duration_seconds": round(duration, 3),
        }
        return Fact("interface", values)

    def _loss_ratio(self, span: Span) -> float | None:
        if span.dropped is None:
            return None
        return span.dropped / (self._packets + span.dropped) if span.dropped else 0.0

    def _general_reason(self, span: Span) -> Reason | None:
        """Return why no detector could look completely, None where nothing hindered all of them."""
        if span.damage:
            return span.damage
        if (self._loss_ratio(span) or 0.0) > MAX_LOSS_RATIO:
            return Reason.PACKET_LOSS
        if self._unsupported:
            return Reason.UNSUPPORTED
        return Reason.BAD_DATA if self._cut else None

    def _own_reason(self, detector: Detector, *, one_sided: bool) -> Reason | None:
        if detector.two_sided and one_sided:
            return Reason.ONE_SIDED
        if detector.overflowed or (detector.two_sided and self._conversations.evicted):
            return Reason.RESOURCE_LIMIT
        return None

    def _detail(self, span: Span, looked: dict[str, Reason | None], ignored: int) -> str:
        sentences = []
        loss = self._loss_ratio(span) or 0.0
        if loss > MAX_LOSS_RATIO:
            sentences.append(f"{span.dropped} frames were lost ({loss:.2%}): an attack may be among them")
        for link, count in self._unsupported.items():
            name = headers.LINK_NAMES.get(link, "no common one")
            sentences.append(f"link type {link} ({name}) is not supported: {count} frames not looked at")
        if self._cut:
            sentences.append(
                f"frames cut within their headers: {self._cut}; capture at least 128 bytes of each"
            )
        if Reason.ONE_SIDED in looked.values():
            sentences.append(
                "only one direction of the conversations was seen: mirror both directions of the port"
            )
        if Reason.RESOURCE_LIMIT in looked.values():
            sentences.append("more addresses than the tables hold: a quieter attack may hide among them")
        if ignored:
            sentences.append(f"anomalies of known sources left out: {ignored}")
        return "; ".join(sentences)


def anomaly(detector: str, incident: Incident) -> Fact:
    """Return the fact that tells of an incident.

    Args:
        detector: name of the detector.
        incident: what it saw.

    Returns:
        A fact of kind `anomaly`.
    """
    values = {field.name: getattr(incident, field.name) for field in fields(incident)}
    values["evidence"] = cut(incident.evidence)
    values["counter_evidence"] = cut(incident.counter_evidence)
    return Fact("anomaly", {"detector": detector, **values})
