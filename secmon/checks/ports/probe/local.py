"""Look at what listens on this host: once, or, in the daemon, all the time."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.checks.ports import listeners
from secmon.checks.ports.exposure import CONTAINER_INTERFACE
from secmon.checks.ports.probe import cgroups
from secmon.checks.ports.probe.canary import open_canary
from secmon.checks.ports.probe.namespaces import Others, others
from secmon.checks.ports.probe.owners import Tracer
from secmon.checks.ports.probe.packages import Packages
from secmon.checks.ports.probe.watch import watch
from secmon.core.contract import Unavailable
from secmon.core.model import Completeness, Fact, Reason
from secmon.sources import diag, net

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from secmon.core.contract import Emit, Task

_KIND: Final = "listener"
_LOCAL_RANGE: Final = "/proc/sys/net/ipv4/ip_local_port_range"  # of IPv6 too (ip-sysctl)
_DEFAULT_RANGE: Final = (32768, 60999)


@dataclass(frozen=True, slots=True)
class Handles:
    """What `observe` reads.

    Attributes:
        task: what was asked for.
        tables: the kernel's socket tables.
        cgroup: the top of the cgroup v2 hierarchy, None where there is none.
        packages: of this host.
    """

    task: Task
    tables: diag.Handles
    cgroup: int | None
    packages: Packages


def acquire(task: Task) -> Handles:
    """Open what the look reads."""
    return Handles(task, diag.acquire(), cgroups.acquire(), Packages())


def observe(handles: Handles, emit: Emit) -> None:
    """List the listeners, say who holds them, and tell; in the daemon again and again."""
    eyes = _Eyes(handles, emit)
    if handles.task.once:
        with open_canary() as canary:
            listing = eyes.listing()
            canary.tell(listing, emit)
            eyes.tell(listing, eyes.describe(listing, canary.inodes, processes_too=True))
    else:
        watch(eyes, emit, handles.task.deadline)


class _Eyes:
    """Looks, and tells what was seen."""

    def __init__(self, handles: Handles, emit: Emit) -> None:
        self._handles = handles
        self._emit = emit
        self._tracer = Tracer(handles.cgroup, handles.packages)
        self._others = Others()

    def listing(self) -> diag.Listing:
        """Return every socket that listens in the host's own network namespace."""
        return diag.listening(self._handles.tables)

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

    def tell(self, listing: diag.Listing, facts: Sequence[Fact]) -> None:
        """Tell one observation of every target: what was seen, and how well."""
        reason, detail = _hindrance(listing, self._others)
        failed = Completeness.PARTIAL if facts else Completeness.FAILED
        for target in self._handles.task.targets:
            self._emit.begin(target)
        for target in self._handles.task.targets:
            self._emit.facts(target, facts)
            self._emit.end(target, {_KIND: reason}, failed if reason else Completeness.OK, reason, detail)


def _listener(netns: str, row: diag.Socket, owner: listeners.Owner) -> listeners.Listener:
    interface = _interface(row.interface) if netns == listeners.HOST else ""
    return listeners.Listener(row.proto, row.address, row.port, interface, row.v6only, owner, netns)


def _hindrance(listing: diag.Listing, others: Others) -> tuple[Reason | None, str]:
    """Say why the look was not complete, or what else a person should know of it."""
    if listing.failure:
        return Reason.UNSUPPORTED, (
            f"Not every socket table could be read ({listing.failure}); mount /proc and allow AF_NETLINK."
        )
    if not listing.complete:
        return Reason.BAD_DATA, "The socket tables changed while they were read; look again."
    if others.unreadable and _has_containers():
        return Reason.PERMISSION, (
            "The listeners of this host's containers may not be seen: run as root or use the shipped unit."
        )
    if others.too_many:
        return Reason.RESOURCE_LIMIT, "This host has more network namespaces than are looked into."
    if listing.fallback:
        return None, (
            f"INET_DIAG cannot be used ({listing.fallback}), so /proc/net was read, which tells neither "
            "unit nor IPv6-only; load the modules tcp_diag and udp_diag and allow AF_NETLINK."
        )
    return None, ""


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
