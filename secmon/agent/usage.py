"""Read what this process uses from /proc/self (proc(5)), and give back what it does not."""

from __future__ import annotations

import ctypes
import os
import resource
from pathlib import Path

from secmon.core.snapshot import Usage

_PROC = Path("/proc")
_BOOT_TIME_KEY = b"btime "


def read_usage() -> Usage:
    """Return CPU, memory, descriptors and start of this process; zeros where /proc does not say."""
    try:
        # The name in parentheses may hold blanks: field 3 begins after the last one.
        parts = (_PROC / "self/stat").read_bytes().rpartition(b") ")[2].split()
        open_fds = sum(1 for _ in (_PROC / "self/fd").iterdir())
        boot = _boot_time()
    except OSError:
        return Usage()
    ticks = os.sysconf("SC_CLK_TCK")
    return Usage(
        cpu_seconds=(int(parts[11]) + int(parts[12])) / ticks,
        resident_bytes=int(parts[21]) * os.sysconf("SC_PAGE_SIZE"),
        virtual_bytes=int(parts[20]),
        start_time=boot + int(parts[19]) / ticks,
        open_fds=open_fds,
        max_fds=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    )


def _boot_time() -> float:
    lines = (_PROC / "stat").read_bytes().splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith(_BOOT_TIME_KEY)), 0.0)


def trim_heap() -> None:
    """Give pages of freed memory back to the kernel; only glibc has malloc_trim(3).

    A judgement of thousands of results leaves megabytes of free chunks behind, for minutes to come.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
