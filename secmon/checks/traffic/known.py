"""Know the sources that are expected to look like an attack: scanners of our own (`known_sources`)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from secmon.checks.traffic.detectors.contract import Incident
    from secmon.core.model import Json

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class KnownSource:
    """One entry of `known_sources`.

    Attributes:
        network: the addresses.
        detectors: the detectors that may see them; empty for all.
        until: Unix seconds after which it holds no more, None for ever.
    """

    network: _Network
    detectors: frozenset[str]
    until: float | None


def read_known_sources(entries: Iterable[Json]) -> tuple[KnownSource, ...]:
    """Return the entries of a task, which the configuration child has validated."""
    return tuple(
        KnownSource(
            ipaddress.ip_network(entry["cidr"], strict=False),
            frozenset(entry.get("detectors") or ()),
            entry.get("until"),
        )
        for entry in entries
    )


def is_known(detector: str, incident: Incident, known: Iterable[KnownSource]) -> bool:
    """Say whether an incident comes from a source that is expected to cause it at that time."""
    if incident.source is None:
        return False
    source = ipaddress.ip_address(incident.source)
    return any(
        source in entry.network
        and (not entry.detectors or detector in entry.detectors)
        and (entry.until is None or incident.last_seen <= entry.until)
        for entry in known
    )
