"""Find, kill and wait for this process' own children, and close what one inherits (waitid(2), proc(5))."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def kill_group(pid: int) -> None:
    """Kill a child that is not reaped yet, and all that share its process group."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def open_standard_streams() -> None:
    """Open /dev/null where standard streams are closed, so that nothing else takes their numbers."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:  # standard error
        os.set_inheritable(fd, True)
    os.close(fd)


def keep_descriptors(kept: Iterable[int], null: Iterable[int]) -> None:
    """Close every descriptor above 2 that is not kept.

    Args:
        kept: descriptors; negative ones stand for none.
        null: standard streams that become /dev/null.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in null:
        os.dup2(nothing, stream)
    begin = 3
    for fd in sorted(fd for fd in kept if fd >= begin):
        os.closerange(begin, fd)
        begin = fd + 1
    os.closerange(begin, os.sysconf("SC_OPEN_MAX"))


def ended(pid: int) -> os.waitid_result | None:
    """Return how a child ended, which stays a zombie until it is waited for; None while it lives.

    As long as it is a zombie, its pid and the number of its group cannot become another process'.
    """
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)


class OwnChildren:
    """The children of this process, adopted ones and zombies included.

    The kernel's list is opened once, so that it can be read when no descriptor is left.
    """

    def __init__(self) -> None:
        try:
            self._list = os.open("/proc/thread-self/children", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
            self._list = -1

    def pids(self) -> list[int]:
        """Return their pids."""
        if self._list < 0:
            return children_of(os.getpid())
        os.lseek(self._list, 0, os.SEEK_SET)
        text = b""
        while more := os.read(self._list, 4096):
            text += more
        return [int(pid) for pid in text.split()]


def children_of(parent: int) -> list[int]:
    """Return the pids of all children of a process, by asking every process for its parent.

    Args:
        parent: a pid.
    """
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # "pid (comm) state ppid ...": comm may hold anything, so look behind its last bracket.
            if int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1]) == parent:
                found.append(int(folder.name))
    return found
