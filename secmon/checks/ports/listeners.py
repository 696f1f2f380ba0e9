"""Build `listener` facts from sockets and what is known of their owners: one exposure, however it is spelt.

A service that listens everywhere may hold 0.0.0.0, or `::` with IPv4 let in, or 0.0.0.0 beside an IPv6-only
`::`. A reconfiguration must not make a new finding of that. So the address of a wildcard exposure is 0.0.0.0
wherever IPv4 gets in on that port, and `::` only where IPv6 alone does; `family` says which get in. Sockets
that then differ in nothing but the process (SO_REUSEPORT workers) become one fact.

The identity cannot hold `port`: rules need its true number, but for a UDP socket that the kernel gave any
port to (a resolver, an NTP client) the number changes with each restart. `port_key` stands in the key
instead: the port, or `ephemeral` and the unit or uid.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from secmon.checks.ports.exposure import Address, class_of, is_ephemeral, read_address, scope_of
from secmon.core.model import Fact, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOST: Final = "host"
"""The name of the network namespace in which the agent itself runs."""

_ANY_IPV4: Final = "0.0.0.0"  # noqa: S104  # compared with, not bound
_SAME: Final = ("netns", "proto", "address", "port", "interface", "systemd_unit", "uid", "executable")
"""Facts that agree in these are one exposure of one owner."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a socket.

    Attributes:
        values: `systemd_unit`, `user`, `uid`, `pid`, `process`, `executable`, as far as seen; None for none.
        missing: the others of these -> why they were not seen.
    """

    values: Mapping[str, Any]
    missing: Mapping[str, Reason] = field(default_factory=dict)

    @property
    def attribution(self) -> str:
        """Return what the socket could be traced to: `pid`, `unit`, `uid` or `none`."""
        for name, word in (("pid", "pid"), ("systemd_unit", "unit"), ("uid", "uid")):
            if self.values.get(name) is not None:
                return word
        return "none"


@dataclass(frozen=True, slots=True)
class Listener:
    """One socket that takes traffic from anybody.

    Attributes:
        proto: `tcp`, `udp` or `sctp`.
        address: bound address as text.
        port: bound port.
        interface: name of the interface that it is bound to, "" for any.
        v6only: takes no IPv4; None where it was not told, and for IPv4.
        owner: who holds it.
        netns: network namespace; `host` is that of the agent.
    """

    proto: str
    address: str
    port: int
    interface: str
    v6only: bool | None
    owner: Owner
    netns: str = HOST


@dataclass(frozen=True, slots=True)
class Host:
    """What of this host the meaning of a socket depends on.

    Attributes:
        interfaces: own address as text -> name of its interface.
        local_range: first and last port of ip_local_port_range.
    """

    interfaces: Mapping[str, str]
    local_range: tuple[int, int]


def build(listeners: Iterable[Listener], host: Host) -> list[Fact]:
    """Return the facts of a look, in a stable order.

    Args:
        listeners: every socket that was found.
        host: what their meaning depends on.

    Returns:
        One fact for each exposure and owner.
    """
    rows = sorted(
        listeners,
        key=lambda row: (row.netns, row.proto, row.port, row.address, row.owner.values.get("pid") or 0),
    )
    with_ipv4 = {_place(row) for row in rows if _takes_ipv4(row)}
    exposures: dict[tuple[Any, ...], list[Fact]] = {}
    for row in rows:
        fact = _fact(row, host, ipv4_gets_in=_place(row) in with_ipv4)
        exposures.setdefault(tuple(fact.values.get(name) for name in _SAME), []).append(fact)
    return [_fold(facts) for facts in exposures.values()]


def _fold(facts: list[Fact]) -> Fact:
    """Return the first fact of one exposure, with the families of all."""
    first = facts[0]
    if len({fact.values.get("family") for fact in facts}) == 1:
        return first
    missing = {name: reason for name, reason in first.missing.items() if name != "family"}
    return Fact(first.kind, {**first.values, "family": "dual"}, missing)


def _place(row: Listener) -> tuple[str, str, int, str]:
    return row.netns, row.proto, row.port, row.interface


def _scope(row: Listener, address: Address, host: Host) -> str:
    """Say from where a socket can be reached; from outside into another namespace only through this host."""
    owner = host.interfaces.get(str(address), "") if row.netns == HOST else ""
    scope = scope_of(address, row.interface, owner)
    return "container" if row.netns != HOST and scope == "exposed" else scope


def _takes_ipv4(row: Listener) -> bool:
    """Tell whether IPv4 gets in through a wildcard socket; by default it does."""
    address = read_address(row.address)
    return address.is_unspecified and (address.version == 4 or not row.v6only)


def _family(row: Listener, address: Address) -> str | None:
    """Return which families get in: `ipv4`, `ipv6` or `dual`; None where it was not told."""
    if address.version == 4:
        return "ipv4"
    if not address.is_unspecified or row.v6only:
        return "ipv6"
    return "dual" if row.v6only is False else None


def _fact(row: Listener, host: Host, *, ipv4_gets_in: bool) -> Fact:
    address = read_address(row.address)
    text = str(address)
    family = _family(row, address)
    owner = row.owner.values
    port_key = str(row.port)
    if is_ephemeral(row.proto, row.port, host.local_range):
        port_key = f"ephemeral {owner.get('systemd_unit') or 'uid {}'.format(owner.get('uid'))}"
    values = {
        "netns": row.netns,
        "proto": row.proto,
        "address": _ANY_IPV4 if address.is_unspecified and ipv4_gets_in else text,
        "port_key": port_key,
        "port": row.port,
        "interface": row.interface or None,
        "scope": _scope(row, address, host),
        "address_class": class_of(address),
        "attribution": row.owner.attribution,
        "present": True,
        **owner,
    }
    missing = dict(row.owner.missing)
    if family:
        values["family"] = family
    else:
        missing["family"] = Reason.UNSUPPORTED
    return Fact("listener", values, missing)
