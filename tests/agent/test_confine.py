"""What confinement reads and computes; what it takes away is tested in the lab."""

from __future__ import annotations

import os
from pathlib import Path

from secmon.agent import confine


def test_masks_are_the_kernels_numbers():
    assert confine.mask([]) == 0
    assert confine.mask(["DAC_READ_SEARCH"]) == 1 << 2
    assert confine.mask(["NET_RAW", "SYS_PTRACE", "NET_ADMIN"]) == 1 << 13 | 1 << 19 | 1 << 12


def test_capabilities_are_those_of_proc():
    rows = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    held = confine.capabilities()
    assert held == tuple(int(rows[key], 16) for key in ("CapEff", "CapPrm", "CapInh"))


def test_every_thread_is_looked_at():
    assert os.getpid() in confine.thread_capabilities()
    assert len(confine.thread_capabilities()) == len(os.listdir("/proc/self/task"))
