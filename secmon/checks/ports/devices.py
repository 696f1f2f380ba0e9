"""Say which devices a network holds: candidates beforehand, `device` facts afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final

from secmon.core.model import Fact, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LARGEST: Final = 65_536
"""Addresses of one network."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a device showed that it is there.

    Attributes:
        means: `arp` (or neighbour discovery), `icmp`, `tcp`, `own` for this host itself, in that order.
        hardware: its link-layer address, "" where it is not on a link of this host.
    """

    means: tuple[str, ...]
    hardware: str = ""


def candidates(network: str, heard: Iterable[str]) -> list[str]:
    """Return the addresses of a network that are asked.

    Nobody can ask all of an IPv6 network; there, only those are asked of which this host has heard.

    Args:
        network: `net/prefix`.
        heard: addresses that somebody told of: the inventory, the kernel's neighbours.

    Returns:
        Addresses in ascending order.

    Raises:
        ValueError: the network has more than 65,536 addresses.
    """
    net = ip_network(network)
    if isinstance(net, IPv4Network):
        if net.num_addresses > LARGEST:
            raise ValueError(f"{network} has more than {LARGEST} addresses")
        return [str(address) for address in net.hosts()]
    return [str(address) for address in sorted({ip_address(text) for text in within(network, heard)})]


def within(network: str, addresses: Iterable[str]) -> list[str]:
    """Return those of some addresses that lie in a network."""
    net = ip_network(network)
    return [
        text for text in addresses if (address := ip_address(text)).version == net.version and address in net
    ]


def facts_of(
    network: str, found: Mapping[str, Answer], silent: Iterable[str], known: Mapping[str, str] | None
) -> list[Fact]:
    """Return the facts of a network.

    Args:
        network: `net/prefix`.
        found: address -> how its device answered.
        silent: addresses that were asked in vain, and are no longer there if they ever were.
        known: address -> id of the asset that the inventory gives it to; None without an inventory.

    Returns:
        One fact for each device that answered, and for each that the inventory knows and that did not.
    """
    told = {address: _fact(address, answer, known) for address, answer in found.items()}
    for address in within(network, silent):
        if known and address in known:
            told[address] = _fact(address, None, known)
    return [told[address] for address in sorted(told, key=ip_address)]


def _fact(address: str, answer: Answer | None, known: Mapping[str, str] | None) -> Fact:
    values: dict[str, Any] = {
        "address": address,
        "present": answer is not None,
        "answers": list(answer.means) if answer else [],
        "hardware": (answer.hardware or None) if answer else None,
    }
    if known is None:
        return Fact("device", values, dict.fromkeys(("known", "asset"), Reason.NOT_CONFIGURED))
    return Fact("device", {**values, "known": address in known, "asset": known.get(address)})
