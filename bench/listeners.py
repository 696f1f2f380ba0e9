"""Promise: listing the listeners of a host with 19,000 sockets takes <= 1 ms, and psutil 100 times as long.

The sockets are both ends of established connections on loopback, held by this process. secmon and psutil are
timed in turn, in one run; each gives its median.
"""

from __future__ import annotations

import json
import pathlib
import resource
import socket
import statistics
import sys
import time
from typing import TYPE_CHECKING

import psutil

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from secmon.sources import diag  # noqa: E402  # the path is set one line above

if TYPE_CHECKING:
    from collections.abc import Callable

SOCKETS = 19_000
ROUNDS = 5
LIMIT_SECONDS = 0.001
LIMIT_RATIO = 100


def connections(count: int) -> list[socket.socket]:
    """Hold `count` sockets: both ends of established connections to one listener."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 200:
        sys.exit(f"{count} sockets need {count + 200} descriptors; the hard limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 200), hard))
    held = [socket.create_server(("127.0.0.1", 0), backlog=128)]
    while len(held) < count:
        held.append(socket.create_connection(held[0].getsockname()))
        held.append(held[0].accept()[0])
    return held


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def main() -> int:
    """Measure, print JSON, and return 0 where the promise is kept."""
    held = connections(SOCKETS)
    handles = diag.acquire()
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours += [seconds(lambda: diag.listening(handles)) for _ in range(20)]
        theirs.append(seconds(lambda: psutil.net_connections("inet")))
    listing = diag.listening(handles)
    mine, peer = statistics.median(ours), statistics.median(theirs)
    kept = mine <= LIMIT_SECONDS and peer / mine >= LIMIT_RATIO and not listing.fallback
    print(
        json.dumps(
            {
                "bench": "listeners",
                "limit": {"ms": LIMIT_SECONDS * 1000, "ratio": LIMIT_RATIO},
                "sockets": len(held),
                "listeners": len(listing.sockets),
                "median_ms": {"secmon": round(mine * 1000, 3), "psutil": round(peer * 1000, 1)},
                "ratio": round(peer / mine, 1),
                "kept": kept,
            },
            indent=2,
        )
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
