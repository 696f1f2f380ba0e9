"""Find the processes that hold sockets, and describe them."""

from __future__ import annotations

import contextlib
import os
import pwd
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

from secmon.core.model import Reason
from secmon.core.texts import cut

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Holders:
    """Which processes hold which sockets.

    Attributes:
        pids: inode of a socket -> pids in ascending order.
        unreadable: some process did not let its descriptors be read.
    """

    pids: Mapping[int, tuple[int, ...]]
    unreadable: bool


def holders(inodes: set[int]) -> Holders:
    """Look through /proc/PID/fd for sockets.

    Needs SYS_PTRACE and DAC_READ_SEARCH for processes of other users (proc(5)).

    Args:
        inodes: numbers of the sockets.

    Returns:
        What was found.
    """
    wanted = {f"socket:[{inode}]": inode for inode in inodes if inode}
    pids: dict[int, list[int]] = {}
    running = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208  # names
    unreadable = 1 not in running  # hidepid hides what it does not let be read
    for pid in running if wanted else ():
        try:
            links = _links(pid)
        except PermissionError:
            unreadable = True
            continue
        for link in links & wanted.keys():
            pids.setdefault(wanted[link], []).append(pid)
    return Holders({inode: tuple(found) for inode, found in pids.items()}, unreadable)


def describe(pid: int) -> tuple[dict[str, Any], dict[str, Reason]]:
    """Describe a process.

    Args:
        pid: its id.

    Returns:
        Values of `process` and `executable`, and why those not seen are missing.
    """
    values: dict[str, Any] = {}
    missing: dict[str, Reason] = {}
    for name, read in (("process", _name), ("executable", _executable)):
        try:
            values[name] = cut(read(pid))
        except (psutil.AccessDenied, PermissionError):
            missing[name] = Reason.PERMISSION
        except (psutil.Error, OSError):  # it has just ended
            missing[name] = Reason.NO_DATA
    return values, missing


def user_name(uid: int) -> str | None:
    """Return the name of a user id, None where it has none."""
    with contextlib.suppress(KeyError):
        return cut(pwd.getpwuid(uid).pw_name)
    return None


def _name(pid: int) -> str:
    return psutil.Process(pid).name()


def _executable(pid: int) -> str:
    """Return the path that the kernel tells; psutil may take argv, which a process chooses itself."""
    # A program that was replaced by an update keeps its name in the facts: stale files are another check's.
    return os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")  # noqa: PTH115  # text, not a path


def _links(pid: int) -> set[str]:
    """Return what the descriptors of a process point to; nothing of one that ends meanwhile."""
    folder = f"/proc/{pid}/fd"
    links: set[str] = set()
    try:
        names = os.listdir(folder)  # noqa: PTH208  # names are wanted, not paths
    except (FileNotFoundError, ProcessLookupError):
        return links
    for name in names:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            links.add(os.readlink(f"{folder}/{name}"))  # noqa: PTH115  # the text of the link, not a path
    return links
