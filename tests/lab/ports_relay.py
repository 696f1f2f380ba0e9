"""Join two TAP devices and let frames out of the second late, as a slow link does: no qdisc of the kernel's is needed.

Arguments: descriptor of the outer device, name of the inner one, which is made here, and milliseconds. Ends with
standard input. Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import sys
import time
from collections import deque

TUNSETIFF = 0x400454CA  # linux/if_tun.h
IFF_TAP_NO_PI = 0x1002


def tap(name: str) -> int:
    """Make a TAP device in this network namespace, and return its descriptor."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP_NO_PI))
    return descriptor


def relay(outer: int, inner: int, delay: float) -> None:
    """Pass frames on until standard input ends: at once to the inner side, late to the outer one."""
    late: deque[tuple[float, bytes]] = deque()
    while True:
        pause = max(0.0, late[0][0] - time.monotonic()) if late else None
        ready, _, _ = select.select([0, outer, inner], [], [], pause)
        if 0 in ready and not os.read(0, 1):
            return
        if outer in ready:
            frame = os.read(outer, 65536)
            with contextlib.suppress(OSError):  # the inner side is not up yet
                os.write(inner, frame)
        if inner in ready:
            late.append((time.monotonic() + delay, os.read(inner, 65536)))
        while late and late[0][0] <= time.monotonic():
            os.write(outer, late.popleft()[1])


if __name__ == "__main__":
    descriptor = tap(sys.argv[2])
    print("ready", flush=True)
    relay(int(sys.argv[1]), descriptor, int(sys.argv[3]) / 1000)
