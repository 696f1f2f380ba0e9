"""Find, kill and name the ends of this process' own children (waitid(2), proc(5))."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path


def kill_group(pid: int) -> None:
    """Kill a child that is not reaped yet, and all that share its process group."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def next_ended() -> os.waitid_result | None:
    """Return a child that has ended and stays a zombie until it is waited for; None where there is none.

    As long as a leader is a zombie, its pid and the number of its group cannot become another process'.
    """
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None


def own_children() -> list[int]:
    """Return the pids of all children of this process, adopted ones and zombies included."""
    try:
        return [int(pid) for pid in Path("/proc/thread-self/children").read_bytes().split()]
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        return children_of(os.getpid())


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
