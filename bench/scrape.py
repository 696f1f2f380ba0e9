"""Measure the promises "scrape p50 <= 3 ms; 50 at once, none failed; beside 50 silent clients <= 100 ms".

The real core serves a generated plan and judgements of some 500 series (bench/generated.py). Beside it, in
the same run, the server that prometheus_client brings serves the same page. A scrape is a new connection, a
request that takes gzip, and the whole answer. A silent client connects, as before a TLS handshake, and sends
nothing.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from bench.generated import running

SCRAPES = 200
AT_ONCE = 50
ROUNDS = 4
P50_MS, SILENT_MS = 3.0, 100.0
REQUEST = b"GET /metrics HTTP/1.1\r\nHost: bench\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
PEER = """
import sys
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.read()))
class Page:
    def collect(self):
        yield from families
registry = CollectorRegistry()
registry.register(Page())
server, thread = start_http_server(0, "127.0.0.1", registry=registry)
print(server.server_port, flush=True)
thread.join()
"""

Address = tuple[str, int]


def scrape(address: Address, request: bytes = REQUEST) -> bytes:
    """Return the whole answer; raise an OSError where there is none."""
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(request)
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")):
        raise OSError(f"the answer was {answer[:40]!r}")
    return answer


def milliseconds(address: Address) -> float:
    """Time one scrape."""
    began = time.perf_counter()
    scrape(address)
    return 1000 * (time.perf_counter() - began)


def at_once(address: Address) -> tuple[int, float]:
    """Scrape fifty times at once, a few rounds: failures, and the slowest of those that succeeded."""
    failed, slowest = 0, 0.0
    lock = threading.Lock()

    def one() -> None:
        nonlocal failed, slowest
        try:
            took = milliseconds(address)
        except OSError:
            took = 0.0
        with lock:
            failed += took == 0.0
            slowest = max(slowest, took)

    for _ in range(ROUNDS):
        threads = [threading.Thread(target=one) for _ in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return failed, slowest


def beside_silent_clients(address: Address) -> float:
    """Return the slowest of twenty scrapes while fifty clients are connected and say nothing."""
    with contextlib.ExitStack() as stack:
        for _ in range(AT_ONCE):
            stack.enter_context(socket.create_connection(address, timeout=5))
        return max(milliseconds(address) for _ in range(20))


@contextlib.contextmanager
def peer(page: str):
    """Run the server of prometheus_client with a page."""
    process = subprocess.Popen(
        [sys.executable, "-c", PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        process.stdin.write(page)
        process.stdin.close()
        yield ("127.0.0.1", int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


def main() -> int:
    with running(BENCH_RESULTS="600") as core:
        plain = (
            scrape(core.address, REQUEST.replace(b"Accept-Encoding: gzip\r\n", b""))
            .partition(b"\r\n\r\n")[2]
            .decode()
        )
        with peer(plain) as other:
            ours, theirs = [], []
            for _ in range(SCRAPES):
                ours.append(milliseconds(core.address))
                theirs.append(milliseconds(other))
            failed, slowest = at_once(core.address)
            failed_other, slowest_other = at_once(other)
        silent = beside_silent_clients(core.address)
    p50 = statistics.median(ours)
    kept = p50 <= P50_MS and failed == 0 and silent <= SILENT_MS
    seen = {
        "series": len(re.findall(r"^[^#]", plain, re.MULTILINE)),
        "p50_ms": round(p50, 2),
        "at_once": AT_ONCE * ROUNDS,
        "failed": failed,
        "slowest_at_once_ms": round(slowest, 1),
        "beside_50_silent_clients_ms": round(silent, 1),
        "client_python": {
            "p50_ms": round(statistics.median(theirs), 2),
            "failed": failed_other,
            "slowest_at_once_ms": round(slowest_other, 1),
        },
        "promise": {"p50_ms": P50_MS, "failed": 0, "beside_50_silent_clients_ms": SILENT_MS},
        "kept": kept,
    }
    print(json.dumps(seen))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
