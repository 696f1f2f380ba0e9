"""See what listens on this host: this network namespace and the others, and who holds the sockets."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Final

from secmon.checks.ports import listeners
from secmon.checks.ports.exposure import CONTAINER_INTERFACE
from secmon.checks.ports.probe import cgroups
from secmon.checks.ports.probe.namespaces import Others, others
from secmon.checks.ports.probe.owners import Tracer
from secmon.checks.ports.probe.packages import Packages
from secmon.core.contract import Unavailable
from secmon.core.model import Reason
from secmon.sources import diag, net

if TYPE_CHECKING:
    from collections.abc import Collection

    from secmon.core.model import Fact

_LOCAL_RANGE: Final = "/proc/sys/net/ipv4/ip_local_port_range"  # of IPv6 too (ip-sysctl)
_DEFAULT_RANGE: Final = (32768, 60999)


class Eyes:
    """Looks at this host. Making it opens what looking reads, and reads nothing."""

    def __init__(self) -> None:
        self.tables = diag.acquire()
        self._tracer = Tracer(cgroups.acquire(), Packages())
        self._others = Others()

    def listing(self) -> diag.Listing:
        """Return every socket that listens in the host's own network namespace."""
        return diag.listening(self.tables)

    def describe(
        self, listing: diag.Listing, but: Collection[int] = (), *, processes_too: bool
    ) -> list[Fact]:
        """Return the facts of a listing, and of the other network namespaces.

        Args:
            listing: from `listing`.
            but: inodes of sockets to leave out.
            processes_too: look for the processes that hold the sockets, and anew into the other namespaces.
        """
        rows = [(listeners.HOST, row) for row in listing.sockets if row.inode not in but]
        if processes_too:
            self._others = others()
        rows += self._others.rows
        held_by = self._tracer.owners([row for _, row in rows], processes_too=processes_too)
        found = [_listener(netns, row, owner) for (netns, row), owner in zip(rows, held_by, strict=True)]
        return listeners.build(found, _host())

    def hindrance(self, listing: diag.Listing) -> tuple[Reason | None, str]:
        """Say why the look was not complete, or what else a person should know of it."""
        if listing.failure:
            return Reason.UNSUPPORTED, (
                f"Not every socket table could be read ({listing.failure}); mount /proc and allow AF_NETLINK."
            )
        if not listing.complete:
            return Reason.BAD_DATA, "The socket tables changed while they were read; look again."
        if self._others.unreadable and _has_containers():
            return Reason.PERMISSION, (
                "Listeners of this host's containers may not be seen: run as root or use the shipped unit."
            )
        if self._others.too_many:
            return Reason.RESOURCE_LIMIT, "This host has more network namespaces than are looked into."
        if listing.fallback:
            return None, (
                f"INET_DIAG cannot be used ({listing.fallback}), so /proc/net was read, which tells neither "
                "unit nor IPv6-only; load the modules tcp_diag and udp_diag and allow AF_NETLINK."
            )
        return None, ""

    def close(self) -> None:
        """Close everything; a child that ends need not."""
        self.tables.close()
        self._tracer.close()


def _listener(netns: str, row: diag.Socket, owner: listeners.Owner) -> listeners.Listener:
    interface = _interface(row.interface) if netns == listeners.HOST else ""
    return listeners.Listener(row.proto, row.address, row.port, interface, row.v6only, owner, netns)


def _has_containers() -> bool:
    """Tell whether an interface of this host leads to containers or guests."""
    return any(CONTAINER_INTERFACE.match(name) for _, name in socket.if_nameindex())


def _interface(index: int | None) -> str:
    """Return the name of the interface that a socket is bound to; an index says more than nothing."""
    if not index:
        return ""
    try:
        return socket.if_indextoname(index)
    except OSError:
        return str(index)


def _host() -> listeners.Host:
    interfaces: dict[str, str] = {}
    with contextlib.suppress(Unavailable):  # then no address counts as a container's
        interfaces = {entry.address: entry.interface for entry in net.interface_addresses()}
    return listeners.Host(interfaces, _local_range())


def _local_range() -> tuple[int, int]:
    """Return first and last port of ip_local_port_range; the kernel's default where it cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        with open(_LOCAL_RANGE, "rb") as file:  # noqa: PTH123  # proc
            first, last = file.read(64).split()
        return int(first), int(last)
    return _DEFAULT_RANGE
