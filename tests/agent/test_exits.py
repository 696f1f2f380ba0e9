"""How a child ended, in one word."""

from __future__ import annotations

import os
import signal

import pytest

from secmon.agent.exits import status_of


@pytest.mark.parametrize(
    ("code", "number", "config", "status"),
    [
        (os.CLD_EXITED, 0, False, "ok"),
        (os.CLD_EXITED, 1, False, "crashed"),
        (os.CLD_EXITED, 2, False, "crashed"),
        (os.CLD_EXITED, 2, True, "faults"),
        (os.CLD_EXITED, 70, False, "crashed"),
        (os.CLD_EXITED, 71, False, "resource_limit"),
        (os.CLD_EXITED, 77, False, "permission"),
        (os.CLD_EXITED, 255, True, "crashed"),
        (os.CLD_KILLED, signal.SIGSEGV, False, "crashed"),
        (os.CLD_DUMPED, signal.SIGABRT, False, "crashed"),
        (os.CLD_KILLED, signal.SIGXCPU, False, "resource_limit"),
        (os.CLD_KILLED, signal.SIGXFSZ, False, "resource_limit"),
        (os.CLD_KILLED, signal.SIGKILL, False, "resource_limit"),
        (os.CLD_KILLED, 2, True, "crashed"),  # SIGINT, which is no fault of a configuration
    ],
)
def test_status(code: int, number: int, config: bool, status: str):
    assert status_of(code, number, config=config) == status
