from __future__ import annotations

from secmon.checks.patches.probe.clock import load_libc, time_synchronised
from secmon.core.model import Reason


def test_the_kernel_answers_without_privilege():
    assert time_synchronised(load_libc()) in (True, False, Reason.PERMISSION)
