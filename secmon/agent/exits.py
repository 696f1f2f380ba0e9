"""Say in one word how a child ended (waitid(2))."""

from __future__ import annotations

import os
import signal
from typing import Final

from secmon.core.model import Reason

EXIT_OK: Final = 0
EXIT_FAULTS: Final = 2  # the configuration child found faults
EXIT_CRASHED: Final = 70  # EX_SOFTWARE of sysexits.h
EXIT_RESOURCE_LIMIT: Final = 71  # EX_OSERR
EXIT_PERMISSION: Final = 77  # EX_NOPERM

_EXITS: Final = {
    EXIT_OK: "ok",
    EXIT_PERMISSION: Reason.PERMISSION.value,
    EXIT_RESOURCE_LIMIT: Reason.RESOURCE_LIMIT.value,
}
# A SIGKILL that is not the spawner's is the kernel's out-of-memory killer, or RLIMIT_CPU's hard limit.
_LIMIT_SIGNALS: Final = (signal.SIGXCPU, signal.SIGXFSZ, signal.SIGKILL)


def status_of(code: int, number: int, *, config: bool) -> str:
    """Return the status of a child that nobody killed on purpose.

    Args:
        code: si_code, one of CLD_EXITED, CLD_KILLED and CLD_DUMPED.
        number: si_status, its exit status or the signal that ended it.
        config: it was a configuration child, which may find faults.

    Returns:
        `ok`, `faults`, or a Reason.
    """
    if code != os.CLD_EXITED:
        return (Reason.RESOURCE_LIMIT if number in _LIMIT_SIGNALS else Reason.CRASHED).value
    if config and number == EXIT_FAULTS:
        return "faults"
    return _EXITS.get(number, Reason.CRASHED.value)
