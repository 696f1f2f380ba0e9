"""Ask the kernel whether its clock follows a time source."""

from __future__ import annotations

import ctypes
import errno
from typing import Final

from secmon.core.model import Reason

_STA_UNSYNC: Final = 0x0040
_TIME_ERROR: Final = 5


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), as far as `status`; the kernel writes 208 bytes on 64-bit systems."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


def load_libc() -> ctypes.CDLL:
    """Return the C library, for `time_synchronised`."""
    return ctypes.CDLL(None, use_errno=True)


def time_synchronised(libc: ctypes.CDLL) -> bool | Reason:
    """Say whether a time source disciplines the clock; without one the kernel soon takes the flag back.

    Reading needs no privilege. Every daemon (timesyncd, chrony, ntpd) clears the flag through this call, so
    nothing needs to be known of any of them; a container has the clock of its host, so this holds there too.

    Args:
        libc: as `load_libc` gives it.

    Returns:
        The answer, or why the kernel gave none (a system call filter).
    """
    timex = _Timex()
    state = libc.adjtimex(ctypes.byref(timex))
    if state < 0:
        denied = ctypes.get_errno() in (errno.EPERM, errno.EACCES)
        return Reason.PERMISSION if denied else Reason.UNSUPPORTED
    return bool(state != _TIME_ERROR and not timex.status & _STA_UNSYNC)
