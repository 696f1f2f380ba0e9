"""Ask the kernel whether its clock follows a time source."""

from __future__ import annotations

import ctypes
import errno
from typing import Final

from secmon.core.model import Reason

_NO_SOURCE_MICROSECONDS: Final = 16_000_000
"""The kernel's bound on the error of a clock that nothing disciplines (NTP_PHASE_LIMIT)."""


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), as far as `maxerror`; the kernel writes 208 bytes on 64-bit systems."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("rest", ctypes.c_char * 512),
    )


def load_libc() -> ctypes.CDLL:
    """Return the C library, for `time_synchronised`."""
    return ctypes.CDLL(None, use_errno=True)


def time_synchronised(libc: ctypes.CDLL) -> bool | Reason:
    """Say whether a time source disciplines the clock.

    Every daemon (timesyncd, chrony, ntpd) tells the kernel its bound on the error, which then grows until the
    next time; reading it needs no privilege. STA_UNSYNC says less: chrony leaves it set where it keeps the
    kernel off the hardware clock. A container has the clock of its host, so this holds there too.

    Args:
        libc: as `load_libc` gives it.

    Returns:
        The answer, or why the kernel gave none (a system call filter).
    """
    timex = _Timex()
    if libc.adjtimex(ctypes.byref(timex)) < 0:
        denied = ctypes.get_errno() in (errno.EPERM, errno.EACCES)
        return Reason.PERMISSION if denied else Reason.UNSUPPORTED
    return bool(timex.maxerror < _NO_SOURCE_MICROSECONDS)
