"""Look at what listens on this host."""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from secmon.checks.ports import listeners
from secmon.checks.ports.probe import cgroups, processes
from secmon.core.contract import Unavailable
from secmon.core.model import Completeness, Reason
from secmon.sources import diag, net

if TYPE_CHECKING:
    from collections.abc import Iterable

    from secmon.core.contract import Emit, Task

_KIND: Final = "listener"
_LOCAL_RANGE: Final = "/proc/sys/net/ipv4/ip_local_port_range"  # of IPv6 too (ip-sysctl)
_DEFAULT_RANGE: Final = (32768, 60999)
_PROCESS_FIELDS: Final = ("pid", "process", "executable")


@dataclass(frozen=True, slots=True)
class Canary:
    """Sockets of our own on loopback, which the look must find and which are no facts.

    Attributes:
        sockets: kept open for the life of the process.
        failure: why there are none, "" where there are.
    """

    sockets: tuple[socket.socket, ...]
    failure: str = ""

    @property
    def inodes(self) -> frozenset[int]:
        """Return the numbers of the sockets."""
        return frozenset(os.fstat(sock.fileno()).st_ino for sock in self.sockets)


@dataclass(frozen=True, slots=True)
class Handles:
    """What `observe` reads.

    Attributes:
        task: what was asked for.
        tables: the kernel's socket tables.
        cgroup: the top of the cgroup v2 hierarchy, None where there is none.
        canary: sockets of our own.
    """

    task: Task
    tables: diag.Handles
    cgroup: int | None
    canary: Canary


def acquire(task: Task) -> Handles:
    """Open what the look reads, and the canary."""
    return Handles(task, diag.acquire(), cgroups.acquire(), _canary())


def observe(handles: Handles, emit: Emit) -> None:
    """List the listeners, say who holds them, and tell."""
    for target in handles.task.targets:
        emit.begin(target)
    listing = diag.listening(handles.tables)
    _tell_canary(handles.canary, listing, emit)
    own = handles.canary.inodes
    rows = [row for row in listing.sockets if row.inode not in own]
    facts = listeners.build(_attributed(rows, handles.cgroup), _host())
    reason = None if listing.complete else Reason.UNSUPPORTED if listing.failure else Reason.BAD_DATA
    completeness = (
        Completeness.OK if reason is None else Completeness.PARTIAL if facts else Completeness.FAILED
    )
    for target in handles.task.targets:
        emit.facts(target, facts)
        emit.end(target, {_KIND: reason}, completeness, reason, _detail(listing))


def _detail(listing: diag.Listing) -> str:
    if listing.failure:
        return f"Not every socket table could be read ({listing.failure}); mount /proc and allow AF_NETLINK."
    if not listing.complete:
        return "The socket tables changed while they were read; look again."
    if listing.fallback:
        return (
            f"INET_DIAG cannot be used ({listing.fallback}), so /proc/net was read, which tells neither "
            "unit nor IPv6-only; load the modules tcp_diag and udp_diag and allow AF_NETLINK."
        )
    return ""


def _canary() -> Canary:
    """Open one TCP and one UDP socket on loopback."""
    opened: list[socket.socket] = []
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            sock = socket.socket(socket.AF_INET, kind | socket.SOCK_CLOEXEC)
            opened.append(sock)
            sock.bind(("127.0.0.1", 0))
            if kind == socket.SOCK_STREAM:
                sock.listen(1)
    except OSError as error:
        for sock in opened:
            sock.close()
        return Canary((), f"No socket could be opened on 127.0.0.1 ({error.strerror}); bring loopback up.")
    return Canary(tuple(opened))


def _tell_canary(canary: Canary, listing: diag.Listing, emit: Emit) -> None:
    if canary.failure:
        emit.canary(Reason.UNREACHABLE, canary.failure)
    elif canary.inodes <= {row.inode for row in listing.sockets}:
        emit.canary(None)
    else:
        emit.canary(
            Reason.NO_DATA,
            "The kernel's tables do not show a listener that is open; nothing they say counts.",
        )


def _attributed(rows: list[diag.Socket], cgroup: int | None) -> Iterable[listeners.Listener]:
    """Say of each socket who holds it."""
    wanted = {row.cgroup for row in rows if row.cgroup is not None}
    units = cgroups.units(cgroup, wanted) if cgroup is not None else None
    holders = processes.holders({row.inode for row in rows})
    for row in rows:
        yield listeners.Listener(
            proto=row.proto,
            address=row.address,
            port=row.port,
            interface=_interface(row.interface),
            v6only=row.v6only,
            owner=_owner(row, units, holders),
        )


def _owner(
    row: diag.Socket, units: dict[int, str | None] | None, holders: processes.Holders
) -> listeners.Owner:
    values: dict[str, Any] = {"uid": row.uid, "user": processes.user_name(row.uid)}
    missing: dict[str, Reason] = {}
    pid = _pid(holders.pids.get(row.inode, ()))
    if pid is not None:
        described, missing = processes.describe(pid)
        values |= {"pid": pid, **described}
    elif holders.unreadable:
        missing = dict.fromkeys(_PROCESS_FIELDS, Reason.PERMISSION)
    else:  # the kernel's own
        values |= dict.fromkeys(_PROCESS_FIELDS)
    unit = _unit(row.cgroup, units, pid)
    if isinstance(unit, Reason):
        missing["systemd_unit"] = unit
    else:
        values["systemd_unit"] = unit
    return listeners.Owner(values, missing)


def _unit(cgroup: int | None, units: dict[int, str | None] | None, pid: int | None) -> str | Reason | None:
    """Return the unit that opened a socket, None for none, or why it is not known.

    A socket that systemd opened for a service carries systemd's cgroup, so the process that holds it decides.
    """
    told = (
        units.get(cgroup, Reason.NO_DATA) if units is not None and cgroup is not None else Reason.UNSUPPORTED
    )
    if pid is not None and (told in (None, cgroups.MANAGER) or isinstance(told, Reason)):
        return cgroups.unit_of_process(pid) or told
    return told


def _pid(pids: tuple[int, ...]) -> int | None:
    """Return the process to name: not the manager, which keeps the sockets that it hands to services."""
    return next((pid for pid in pids if pid != 1), pids[0] if pids else None)


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
