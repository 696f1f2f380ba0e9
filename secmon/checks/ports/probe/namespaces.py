"""Find the network namespaces of containers and services beside the host's own, and name them."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from typing import Final

from secmon.checks.ports.probe import cgroups
from secmon.core.texts import cut
from secmon.sources import diag

_NAMED: Final = "/run/netns"  # ip-netns(8)
_LIMIT: Final = 512  # namespaces; a host full of containers has a few hundred
_CONTAINER: Final = re.compile(r"(docker|libpod|crio|cri-containerd)-([0-9a-f]{12})[0-9a-f]*\.scope")
_MACHINE: Final = re.compile(r"machine-(.+)\.scope")  # systemd-nspawn, libvirt


@dataclass(frozen=True, slots=True)
class Others:
    """What listens in the namespaces beside the host's.

    Attributes:
        rows: name of the namespace, socket.
        unreadable: some process did not let its namespace be read.
        too_many: there are more namespaces.
    """

    rows: tuple[tuple[str, diag.Socket], ...] = ()
    unreadable: bool = False
    too_many: bool = False


def others() -> Others:
    """Look into the namespaces of all processes; needs SYS_PTRACE for those of other users."""
    own = _namespace_of("self")
    found: dict[int, int] = {}  # inode of a namespace -> its first process
    unreadable = False
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):  # noqa: PTH208  # names
        try:
            found.setdefault(_namespace_of(pid), pid)
        except PermissionError:
            unreadable = True
        except OSError:  # it has just ended
            continue
    found.pop(own, None)
    named = _named() if found else {}
    rows: list[tuple[str, diag.Socket]] = []
    for inode, pid in list(found.items())[:_LIMIT]:
        name = named.get(inode) or name_of(cgroups.path_of_process(pid))
        rows += ((name, row) for row in _sockets(pid))
    return Others(tuple(rows), unreadable, len(found) > _LIMIT)


def _sockets(pid: int) -> tuple[diag.Socket, ...]:
    """Return what listens in the namespace of a process; nothing where that has ended."""
    tables = diag.acquire_of(pid)
    try:
        return diag.listening(tables).sockets if tables.proc else ()
    finally:
        tables.close()


def name_of(path: str) -> str:
    """Return the name of what runs in a cgroup.

    Args:
        path: path of the cgroup, such as `/system.slice/docker-0123456789ab....scope`.

    Returns:
        `docker-0123456789ab`, the name of a machine, of a unit, the last folder, or `other`.
    """
    unit = cgroups.unit_of(path)
    container = _CONTAINER.search(path)
    if container:
        return f"{container[1]}-{container[2]}"
    machine = _MACHINE.fullmatch(unit or "")
    if machine:
        return machine[1]
    return unit or cut(path.rstrip("/").rpartition("/")[2]) or "other"


def _namespace_of(pid: int | str) -> int:
    return os.stat(f"/proc/{pid}/ns/net").st_ino  # noqa: PTH116  # of procfs


def _named() -> dict[int, str]:
    """Return the names that ip-netns(8) gave, by inode."""
    names: dict[int, str] = {}
    with contextlib.suppress(OSError), os.scandir(_NAMED) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                names[entry.stat().st_ino] = cut(entry.name)
    return names
