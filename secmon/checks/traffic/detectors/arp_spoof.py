"""Find ARP spoofing: an IPv4 address that two hardware addresses contend for (RFC 826, RFC 5227).

A change of hardware address alone is ordinary: a router takes over, an address is leased to another host, a
card is replaced. So a change is explained where the new hardware address belongs to a redundancy protocol
or advertises the address by VRRP, was given the address by DHCP, probed for it and nobody answered, or the
old one has not been heard for a while. Else it is contention, and contention that goes on is an incident:

- the two take turns: three changes within a minute, or
- answers that nobody asked for, to one host, against the host that was there: three within a minute.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from secmon.checks.traffic.addresses import address_text, is_host, mac_text
from secmon.checks.traffic.announcements import is_virtual_router
from secmon.checks.traffic.detectors.contract import Incident
from secmon.checks.traffic.events import Advertisement, Claim, Lease
from secmon.checks.traffic.tables import Recent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from secmon.checks.traffic.detectors.contract import Surroundings
    from secmon.checks.traffic.events import Event

CONTENTION_SECONDS: Final = 60.0
"""Linux holds a neighbour for reachable for at most 45 s, so whoever is there is heard within a minute."""

ALARM: Final = 3
"""Changes, or unasked answers, within that time: one change there and back is a failover and its repair."""

ASKED_SECONDS: Final = 5.0
"""An answer so long after the question is still one (hosts ask three times, a second apart)."""

PROBE_SECONDS: Final = 10.0
"""RFC 5227: up to 1 + 3 * 2 + 2 seconds lie between the first probe and the announcement."""

OVER_SECONDS: Final = 300.0
MAX_BINDINGS: Final = 16_384
MAX_QUESTIONS: Final = 4096
MAX_INCIDENTS: Final = 1024

GATEWAY_WEIGHT: Final = 2
"""Whoever takes a gateway's place reads the traffic of the whole network."""

_Place = tuple[int, bytes]  # VLAN, address


@dataclass(slots=True)
class _Binding:
    """Which hardware address an address has, and who contends for it."""

    mac: bytes
    heard: float
    latest: bytes  # the hardware address that claimed it last
    rival: bytes = b""
    suspect: bytes = b""  # sent answers that nobody asked for
    changes: deque[float] = field(default_factory=lambda: deque(maxlen=ALARM))
    unasked: deque[float] = field(default_factory=lambda: deque(maxlen=ALARM))
    first: float = 0.0
    last: float = 0.0
    count: int = 0
    unasked_count: int = 0

    def take(self, claim: Claim, *, asked: bool) -> bool:
        """Take a claim that nothing explains, or one of the owner's; returns whether it is an incident."""
        stamp = claim.stamp
        contended = claim.mac != self.mac
        if contended:
            self.rival = claim.mac
        else:
            self.heard = stamp
        if claim.mac != self.latest:
            self.changes.append(stamp)
            self.latest = claim.mac
            contended = True
        contested = self.count and 0 <= stamp - self.last <= CONTENTION_SECONDS
        if not asked and (contended or contested):
            self.unasked.append(stamp)
            self.unasked_count += 1
            self.suspect = claim.mac
            contended = True
        if not contended:
            return False
        self.first = self.first if self.count else stamp
        self.count += 1
        self.last = stamp
        return any(
            len(stamps) == ALARM and 0 <= stamp - stamps[0] <= CONTENTION_SECONDS
            for stamps in (self.changes, self.unasked)
        )


class ArpSpoof:
    """The contended addresses on a link."""

    two_sided = False

    def __init__(self, surroundings: Surroundings) -> None:
        self.overflowed = False
        self._gateways: Recent[bytes, None] = Recent(MAX_QUESTIONS)
        for gateway in surroundings.gateways:
            self._gateways.put(gateway, None)
        self._bindings: Recent[_Place, _Binding] = Recent(MAX_BINDINGS)
        self._granted: Recent[_Place, bytes] = Recent(MAX_BINDINGS)
        self._asked: Recent[tuple[_Place, bytes], float] = Recent(MAX_QUESTIONS)
        self._probed: Recent[_Place, tuple[bytes, float]] = Recent(MAX_QUESTIONS)
        self._contended: Recent[_Place, _Binding] = Recent(MAX_INCIDENTS)

    def handlers(self) -> Mapping[type[Event], Callable[[Any], None]]:
        """Return what to call for each kind of event that it wants."""
        return {Claim: self._claim, Lease: self._lease, Advertisement: self._advertise}

    def begin_window(self, now: float) -> None:
        """Forget the contentions that were over before `now`; see `Detector.begin_window`."""
        self.overflowed = False
        over = [
            (place, binding)
            for place, binding in self._contended.items()
            if not 0 <= now - binding.last <= OVER_SECONDS
        ]
        for place, binding in over:
            self._contended.pop(place)
            self._bind(place, binding.latest, binding.heard)

    def tick(self, now: float) -> None:
        """Do nothing: what is old gives way; see `Detector.tick`."""

    def incidents(self, since: float) -> list[Incident]:
        """Return the contentions that went on at or after `since`; see `Detector.incidents`."""
        return [self._incident(*item) for item in self._contended.items() if item[1].last >= since]

    def _claim(self, claim: Claim) -> None:
        place = (claim.vlan, claim.address)
        if claim.mac[0] & 1 or not any(claim.mac):
            return
        if not claim.reply:
            asked_for = (claim.vlan, claim.target)
            if not any(claim.address):
                self._probed.put(asked_for, (claim.mac, claim.stamp))
                return
            self._asked.put((asked_for, claim.mac), claim.stamp)
        if not is_host(claim.address):
            return
        binding = self._bindings.get(place)
        asked = self._is_asked(claim, place)
        if binding is None or (
            claim.mac != binding.mac and self._explains(claim, place, binding, asked=asked)
        ):
            self._bind(place, claim.mac, claim.stamp)
            return
        if binding.take(claim, asked=asked) and self._contended.put(place, binding):
            self.overflowed = True
        self._bindings.put(place, binding)

    def _is_asked(self, claim: Claim, place: _Place) -> bool:
        """Say whether a claim is a question, an announcement to all, or the answer to a question."""
        if not claim.reply or claim.address == claim.target:
            return True
        asked = self._asked.get((place, claim.target_mac))
        return asked is not None and 0 <= claim.stamp - asked <= ASKED_SECONDS

    def _explains(self, claim: Claim, place: _Place, binding: _Binding, *, asked: bool) -> bool:
        """Say whether a change of hardware address is ordinary."""
        if is_virtual_router(claim.mac) or self._granted.get(place) == claim.mac:
            return True
        prober, probed = self._probed.get(place) or (b"", 0.0)
        if prober == claim.mac and binding.heard <= probed and 0 <= claim.stamp - probed <= PROBE_SECONDS:
            return True
        return asked and not 0 <= claim.stamp - binding.heard <= CONTENTION_SECONDS

    def _bind(self, place: _Place, mac: bytes, heard: float) -> None:
        evicted = self._bindings.put(place, _Binding(mac, heard, mac))
        if evicted and heard - evicted[1].heard <= CONTENTION_SECONDS:
            self.overflowed = True

    def _lease(self, lease: Lease) -> None:
        for router in lease.routers:
            self._gateways.put(router, None)
        self._grant((lease.vlan, lease.address), lease.mac, lease.stamp)

    def _advertise(self, advertisement: Advertisement) -> None:
        for address in advertisement.addresses:
            self._gateways.put(address, None)
            self._grant((advertisement.vlan, address), advertisement.mac, advertisement.stamp)

    def _grant(self, place: _Place, mac: bytes, stamp: float) -> None:
        self._granted.put(place, mac)
        binding = self._bindings.get(place)
        if binding and binding.mac != mac:
            self._bind(place, mac, stamp)

    def _incident(self, place: _Place, binding: _Binding) -> Incident:
        vlan, address = place
        is_gateway = address in self._gateways
        name = (
            address_text(address) + (", a gateway" if is_gateway else "") + (f", VLAN {vlan}" if vlan else "")
        )
        unasked = (
            f"{binding.unasked_count} of them answers from {mac_text(binding.suspect)} that nobody asked for"
        )
        return Incident(
            source=self._address_of(binding.suspect, place),
            destination=address_text(address),
            port=None,
            score=round(max(1.0, binding.count / ALARM) * (GATEWAY_WEIGHT if is_gateway else 1), 2),
            first_seen=binding.first,
            last_seen=binding.last,
            count=binding.count,
            evidence=(
                f"{mac_text(binding.mac)} and {mac_text(binding.rival)} contend for {name}:"
                f" {binding.count} contradicting claims" + (f", {unasked}" if binding.suspect else "")
            ),
            counter_evidence=(
                "bonded cards in mode balance-alb send such answers, too"
                if binding.suspect
                else "two hosts set up with one address, or one with two cards on this network, look the same"
            ),
        )

    def _address_of(self, mac: bytes, contended: _Place) -> str | None:
        """Return another address that a hardware address has of its own, None where none is known."""
        own = (
            place[1]
            for place, binding in self._bindings.items()
            if binding.mac == mac and place != contended and place not in self._contended
        )
        found = next(own, None) if mac else None
        return address_text(found) if found else None
