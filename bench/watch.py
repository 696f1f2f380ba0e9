"""Promise: watching this host's listeners each second takes < 0.5 % of a core, and misses none of 2 seconds.

A child watches, as in the daemon, beside a process that holds 19,000 sockets. Its CPU time is taken from the
kernel over a minute: half of it quiet, half with a listener that opens every five seconds and lives for two.
"""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import signal
import socket
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.listeners import connections  # noqa: E402  # the path is set one line above
from secmon.agent.frames import FrameWriter  # noqa: E402
from secmon.checks.ports.probe import local  # noqa: E402
from secmon.core.contract import Task  # noqa: E402
from secmon.core.model import Form, Target  # noqa: E402

SOCKETS = 19_000
LIMIT_RATIO = 0.005
HALF_SECONDS = 30.0
SETTLE_SECONDS = 15.0
TOLD_SECONDS = 65.0  # the longest until news is told
WINDOW_SECONDS = 900.0
LIVES_SECONDS = 2.0
EVERY_SECONDS = 5.0


def watch() -> tuple[int, int]:
    """Start a child that watches; its pid, and the end of the pipe from which its frames come."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            target = Target("me", "ports", Form.LOCAL, "local")
            task = Task("ports", "local", (target,), {}, (), (), 3 * WINDOW_SECONDS, 0.0, once=False)
            local.observe(local.acquire(task), FrameWriter(lambda data: os.write(writing, data), time.time))
        finally:
            os._exit(1)
    os.close(writing)
    return pid, reading


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, user and system (proc_pid_stat(5))."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def busy(seconds: float) -> list[int]:
    """Open short-lived listeners for so long; return their ports."""
    ports = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            ports.append(listener.getsockname()[1])
            time.sleep(LIVES_SECONDS)
        time.sleep(EVERY_SECONDS - LIVES_SECONDS)
    return ports


def gather(pipe: int, ports: set[int]) -> None:
    """Add the ports of every listener that is told, until the pipe ends."""
    with os.fdopen(pipe, "rb") as lines:
        for line in lines:
            ports.update(fact["port"] for fact in json.loads(line).get("facts", ()))


def main() -> int:
    """Measure, print JSON, and return 0 where the promise is kept."""
    pid, pipe = watch()
    seen: set[int] = set()
    reader = threading.Thread(target=gather, args=(pipe, seen))
    reader.start()
    try:
        held = connections(SOCKETS)
        time.sleep(SETTLE_SECONDS)
        marks = [cpu_seconds(pid)]
        time.sleep(HALF_SECONDS)
        marks.append(cpu_seconds(pid))
        ports = busy(HALF_SECONDS)
        marks.append(cpu_seconds(pid))
        time.sleep(TOLD_SECONDS)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        reader.join()
    quiet, changing = (round((b - a) / HALF_SECONDS, 5) for a, b in itertools.pairwise(marks))
    missed = [port for port in ports if port not in seen]
    kept = max(quiet, changing) < LIMIT_RATIO and not missed
    print(
        json.dumps(
            {
                "bench": "watch",
                "limit": {"core_ratio": LIMIT_RATIO},
                "sockets": len(held),
                "core_ratio": {"quiet": quiet, "changing": changing},
                "short_lived": {"opened": len(ports), "missed": len(missed)},
                "kept": kept,
            },
            indent=2,
        )
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
