"""What the process says of itself is what the kernel says of it elsewhere."""

from __future__ import annotations

import os
import time

import psutil

from secmon.agent.usage import read_usage


def test_it_agrees_with_psutil():
    usage, oracle = read_usage(), psutil.Process()
    assert abs(usage.resident_bytes - oracle.memory_info().rss) < 8 << 20
    assert abs(usage.virtual_bytes - oracle.memory_info().vms) < 64 << 20
    assert abs(usage.start_time - oracle.create_time()) < 2
    assert usage.open_fds == oracle.num_fds()
    assert usage.max_fds == oracle.rlimit(psutil.RLIMIT_NOFILE)[0]
    assert 0 < usage.cpu_seconds <= sum(os.times()[:2]) + 0.1
    assert usage.start_time < time.time()
