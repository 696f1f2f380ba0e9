"""Measure the promises "core RSS <= 40 MiB, PSS of core and spawner <= 50 MiB, idle CPU <= 0.3 % of a core".

With 500 rules, 5,000 results and after 100 reloads. The real core reads a generated plan and takes generated
judgements through its real pipes, store and page
(bench/generated.py). Every reload judges all 5,000 results again. Memory is what the kernel says of the two
processes, once more under mutual TLS with a password while fifty clients are there; idle is a minute without
anything but the page, drawn every 15 seconds, and watchdog and sweeps.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import socket
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from bench import securepage
from bench.generated import CHECKS, RESULTS, RULES, Core, running

RELOADS = int(os.environ.get("BENCH_RELOADS", "100"))
IDLE_SECONDS = float(os.environ.get("BENCH_IDLE_SECONDS", "60"))
RSS_MIB, PSS_MIB, IDLE_PERCENT = 40.0, 50.0, 0.3


def rollup(pid: int) -> dict[str, float]:
    """Return Rss and Pss of a process, MiB."""
    rows = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    values = {row.split()[0].rstrip(":"): int(row.split()[1]) / 1024 for row in rows}
    return {"rss": values["Rss"], "pss": values["Pss"]}


def children(pid: int) -> list[int]:
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process and of its children that have ended."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def measure(core: Core) -> dict[str, float]:
    pid = core.process.pid
    (spawner,) = children(pid)
    fresh = rollup(pid)
    for number in range(1, RELOADS + 1):
        core.reload()
        core.wait_for("event=judged", len(CHECKS) * (number + 1))
    with urllib.request.urlopen("http://{}:{}/metrics".format(*core.address)) as page:
        page.read()
    after, of_spawner = rollup(pid), rollup(spawner)
    peak = int(
        next(
            row
            for row in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
            if row.startswith("VmHWM")
        ).split()[1]
    )
    before, began = cpu_seconds(pid) + cpu_seconds(spawner), time.monotonic()
    time.sleep(IDLE_SECONDS)
    idle = (cpu_seconds(pid) + cpu_seconds(spawner) - before) / (time.monotonic() - began)
    return {
        "rss_fresh_mib": fresh["rss"],
        "rss_mib": after["rss"],
        "rss_peak_mib": peak / 1024,
        "pss_core_and_spawner_mib": after["pss"] + of_spawner["pss"],
        "idle_percent": 100 * idle,
    }


def under_tls() -> dict[str, float]:
    """Return the resident memory of a core under mutual TLS with a password, MiB.

    First while fifty clients are connected, then after a tenth of the reloads.
    """
    with tempfile.TemporaryDirectory() as folder:
        securepage.make(folder)
        context = securepage.client(folder)
        request = b"GET /metrics HTTP/1.1\r\nHost: bench\r\n" + securepage.AUTHORIZATION + b"\r\n"
        with running(securepage.web(folder)) as core, contextlib.ExitStack() as clients:
            for _ in range(50):
                raw = clients.enter_context(socket.create_connection(core.address, timeout=5))
                client = clients.enter_context(context.wrap_socket(raw, server_hostname="127.0.0.1"))
                client.sendall(request)
                client.recv(1)
            connected = rollup(core.process.pid)["rss"]
            clients.close()
            for number in range(1, RELOADS // 10 + 1):
                core.reload()
                core.wait_for("event=judged", len(CHECKS) * (number + 1))
            return {
                "rss_50_tls_clients_mib": connected,
                "rss_under_tls_mib": rollup(core.process.pid)["rss"],
            }


def main() -> int:
    with running() as core:
        seen = measure(core)
    seen |= under_tls()
    kept = (
        max(seen[name] for name in ("rss_mib", "rss_50_tls_clients_mib", "rss_under_tls_mib")) <= RSS_MIB
        and seen["pss_core_and_spawner_mib"] <= PSS_MIB
        and seen["idle_percent"] <= IDLE_PERCENT
    )
    seen = {name: round(value, 2) for name, value in seen.items()}
    promise = {"rss_mib": RSS_MIB, "pss_core_and_spawner_mib": PSS_MIB, "idle_percent": IDLE_PERCENT}
    print(
        json.dumps(
            {"rules": RULES, "results": RESULTS, "reloads": RELOADS, **seen, "promise": promise, "kept": kept}
        )
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
