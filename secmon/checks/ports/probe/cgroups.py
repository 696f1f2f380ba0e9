"""Name the systemd unit of a cgroup: the id that a socket tells is its folder's inode (cgroup v2)."""

from __future__ import annotations

import contextlib
import itertools
import os
from typing import Final

_PLACES: Final = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")  # unified and hybrid hierarchies of systemd
_MARK: Final = "cgroup.controllers"  # stands in every folder of a v2 hierarchy
_UNIT_TYPES: Final = (".service", ".scope", ".socket", ".mount", ".swap")
_LIMIT: Final = 50_000  # folders; the largest hosts have a few thousand

MANAGER: Final = "init.scope"
"""The unit of systemd itself, which opens the sockets of others (systemd.socket(5))."""


def acquire() -> int | None:
    """Open the top of the cgroup v2 hierarchy, and read nothing.

    Returns:
        A descriptor of the folder, None where this host has no such hierarchy.
    """
    for place in _PLACES:
        with contextlib.suppress(OSError):
            folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.stat(_MARK, dir_fd=folder)
            except OSError:
                os.close(folder)
            else:
                return folder
    return None


def units(folder: int, wanted: set[int]) -> dict[int, str | None]:
    """Return the units of cgroups.

    Args:
        folder: from `acquire`.
        wanted: ids of cgroups.

    Returns:
        id -> unit, None for a cgroup outside any unit; an id that no folder has (any more) is absent.
    """
    found: dict[int, str | None] = {}
    left = set(wanted)
    for path, _, _, here in itertools.islice(os.fwalk(".", dir_fd=folder), _LIMIT):
        inode = os.fstat(here).st_ino
        if inode in left:
            left.discard(inode)
            found[inode] = unit_of(path.removeprefix("."))
        if not left:
            break
    return found


def unit_of(path: str) -> str | None:
    """Return the system unit that a cgroup belongs to: the first folder below the slices, as in systemd.

    Args:
        path: path of the cgroup below the top, such as `/system.slice/ssh.service`.

    Returns:
        Name of the unit; None where the cgroup is in none.
    """
    for part in path.split("/"):
        name = part.removeprefix("_")  # systemd's escape for names that the kernel would take for its own
        if name.endswith(_UNIT_TYPES):
            return name
        if name and not name.endswith(".slice"):
            return None
    return None


def unit_of_process(pid: int) -> str | None:
    """Return the system unit of a process.

    Args:
        pid: id of the process.

    Returns:
        Name of the unit; None where it is in none, or gone.
    """
    return unit_of(path_of_process(pid))


def path_of_process(pid: int) -> str:
    """Return the cgroup of a process from /proc/PID/cgroup (cgroups(7)).

    Args:
        pid: id of the process.

    Returns:
        The path in the hierarchy of systemd; "" where it has none, or is gone.
    """
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:  # noqa: PTH123  # proc
            lines = file.read(1 << 16).splitlines()
    except OSError:
        return ""
    paths = {}
    for line in lines:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        paths[controllers] = path
    return paths.get("name=systemd") or paths.get("") or ""
