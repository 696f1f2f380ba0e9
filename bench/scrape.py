"""Measure the promises "scrape p50 <= 3 ms; 50 at once, none failed; beside 50 silent clients <= 100 ms".

The real core serves a generated plan and judgements of some 500 series (bench/generated.py), once in the
clear and once under mutual TLS and a password. Beside it, in the same run, the server that prometheus_client
brings serves the same page in the clear. A scrape is a new connection, a request that takes gzip, and the
whole answer; under TLS with a full handshake, and once more as Prometheus does it, on a connection that stays
open. A silent client connects and sends nothing; one that is stuck sends the beginning of a handshake. The
first scrape with a password waits for bcrypt, and so is not counted.
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
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from bench import securepage
from bench.generated import running

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

SCRAPES = 200
AT_ONCE = 50
MANY = 500
ROUNDS = 4
P50_MS, SILENT_MS = 3.0, 100.0
HANDSHAKE_MS = 10.0  # of a scrape with a whole handshake, the client's part of it included
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

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


@dataclass(frozen=True)
class Client:
    """How a server is scraped.

    Attributes:
        address: of the server.
        context: of TLS, None in the clear.
        request: what is sent.
    """

    address: tuple[str, int]
    context: ssl.SSLContext | None = None
    request: bytes = REQUEST

    @contextlib.contextmanager
    def connect(self) -> Iterator[socket.socket]:
        """Connect, and shake hands where TLS is spoken."""
        with socket.create_connection(self.address, timeout=5) as raw:
            if self.context is None:
                yield raw
                return
            with self.context.wrap_socket(raw, server_hostname="127.0.0.1") as connection:
                yield connection

    def scrape(self) -> bytes:
        """Return the whole answer; raise an OSError where there is none."""
        with self.connect() as connection:
            connection.sendall(self.request)
            answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")):
            raise OSError(f"the answer was {answer[:40]!r}")
        return answer

    def milliseconds(self) -> float:
        """Time one scrape."""
        began = time.perf_counter()
        self.scrape()
        return 1000 * (time.perf_counter() - began)


def on_one_connection(client: Client, length: int) -> list[float]:
    """Time scrapes on connections that stay open, the first of each not counted."""
    request = client.request.replace(b"Connection: close\r\n", b"")
    took = []
    for _ in range(SCRAPES // 50):
        with client.connect() as connection:
            for _ in range(51):
                began = time.perf_counter()
                connection.sendall(request)
                left = length
                while left > 0:
                    data = connection.recv(1 << 16)
                    if not data:
                        raise OSError("the connection has ended")
                    left -= len(data)
                took.append(1000 * (time.perf_counter() - began))
    return [value for number, value in enumerate(took) if number % 51]


def at_once(client: Client) -> tuple[int, float]:
    """Scrape fifty times at once, a few rounds: failures, and the slowest of those that succeeded."""
    failed, slowest = 0, 0.0
    lock = threading.Lock()

    def one() -> None:
        nonlocal failed, slowest
        try:
            took = client.milliseconds()
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


def beside(client: Client, number: int, data: bytes = b"") -> float:
    """Return the slowest of twenty scrapes while others are connected and send no more than this."""
    with contextlib.ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(socket.create_connection(client.address, timeout=5)).sendall(data)
        return max(client.milliseconds() for _ in range(20))


def measure(client: Client) -> dict[str, float]:
    """Return what is promised of one way to scrape."""
    client.scrape()
    took = [client.milliseconds() for _ in range(SCRAPES)]
    failed, slowest = at_once(client)
    seen = {
        "p50_ms": round(statistics.median(took), 2),
        "failed": failed,
        "slowest_at_once_ms": round(slowest, 1),
        "beside_50_silent_clients_ms": round(beside(client, AT_ONCE), 1),
        "beside_500_silent_clients_ms": round(beside(client, MANY), 1),
    }
    if client.context is not None:
        page = client.scrape()
        length = len(page) + len(b"keep-alive") - len(b"close")
        seen["kept_open_p50_ms"] = round(statistics.median(on_one_connection(client, length)), 2)
        seen["beside_50_stuck_handshakes_ms"] = round(beside(client, AT_ONCE, HELLO), 1)
        seen["beside_500_stuck_handshakes_ms"] = round(beside(client, MANY, HELLO), 1)
    return seen


def is_kept(seen: dict[str, float]) -> bool:
    """Say whether the promises hold, for stuck handshakes as for silent clients."""
    waits = [value for name, value in seen.items() if name.startswith("beside")]
    p50 = seen.get("kept_open_p50_ms", seen["p50_ms"])
    quick = p50 <= P50_MS and seen["p50_ms"] <= HANDSHAKE_MS
    return quick and seen["failed"] == 0 and max(waits) <= SILENT_MS


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
        client = Client(core.address)
        unpacked = Client(core.address, request=REQUEST.replace(b"Accept-Encoding: gzip\r\n", b""))
        plain = unpacked.scrape().partition(b"\r\n\r\n")[2].decode()
        with peer(plain) as address:
            other = Client(address)
            theirs = statistics.median(other.milliseconds() for _ in range(SCRAPES))
            failed_other, slowest_other = at_once(other)
        clear = measure(client)
    with tempfile.TemporaryDirectory() as folder:
        securepage.make(folder)
        with running(securepage.web(folder), BENCH_RESULTS="600") as core:
            request = REQUEST.replace(b"Host: bench\r\n", b"Host: bench\r\n" + securepage.AUTHORIZATION)
            secured = measure(Client(core.address, securepage.client(folder), request))
    kept = is_kept(clear) and is_kept(secured)
    seen = {
        "series": len(re.findall(r"^[^#]", plain, re.MULTILINE)),
        "at_once": AT_ONCE * ROUNDS,
        **clear,
        "mutual_tls": secured,
        "client_python": {
            "p50_ms": round(theirs, 2),
            "failed": failed_other,
            "slowest_at_once_ms": round(slowest_other, 1),
        },
        "promise": {
            "p50_ms": P50_MS,
            "p50_with_handshake_ms": HANDSHAKE_MS,
            "failed": 0,
            "beside_silent_clients_ms": SILENT_MS,
        },
        "kept": kept,
    }
    print(json.dumps(seen))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
