"""Read `checks.ports.exclude`: the addresses, networks and ports of fragile devices that nobody may touch."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from secmon.checks.ports import portlist
from secmon.core.texts import cut, escape

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One entry.

    Attributes:
        text: as it is configured.
        network: the addresses, None for all.
        ports: the ports, None for all.
    """

    text: str
    network: IPv4Network | IPv6Network | None
    ports: frozenset[int] | None

    def covers(self, address: str) -> bool:
        """Tell whether it is about an address (literal, a scope id does not count)."""
        return self.network is None or ip_address(address.partition("%")[0]) in self.network


def parse(entries: Iterable[str]) -> tuple[Exclusion, ...]:
    """Read the entries.

    Args:
        entries: each an address or a network (`192.0.2.7`, `2001:db8::/64`), one with ports
            (`192.0.2.7:9100-9107`, `192.0.2.0/24:161`, `[2001:db8::7]:80`), or ports of every host
            (`9100-9107`).

    Returns:
        What they say, in their order.

    Raises:
        ValueError: an entry is none of these; the message names it.
    """
    return tuple(_entry(text.strip()) for text in entries)


def whole(exclusions: Iterable[Exclusion], address: str) -> Exclusion | None:
    """Return what forbids to touch an address at all, None where nothing does."""
    return next((entry for entry in exclusions if entry.ports is None and entry.covers(address)), None)


def ports(exclusions: Iterable[Exclusion], address: str, wanted: Iterable[int]) -> frozenset[int]:
    """Return those of the wanted ports of an address that nobody may touch."""
    forbidden: frozenset[int] = frozenset()
    for entry in exclusions:
        if entry.ports is not None and entry.covers(address):
            forbidden |= entry.ports
    return forbidden & frozenset(wanted)


def _entry(text: str) -> Exclusion:
    try:
        return Exclusion(text, ip_network(text, strict=False), None)
    except ValueError:  # then it names ports
        place, colon, listed = text.rpartition(":")
    try:
        place = place.removeprefix("[").removesuffix("]")
        network = ip_network(place, strict=False) if colon else None
        return Exclusion(text, network, frozenset(portlist.parse(listed)))
    except ValueError as error:
        raise ValueError(
            f"{escape(cut(text, 60))!r} is no address, network or port ({error}); write 192.0.2.7, "
            "192.0.2.0/24, 192.0.2.7:9100, [2001:db8::7]:9100 or 9100-9107"
        ) from None
