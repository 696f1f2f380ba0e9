"""The HTTP front over real sockets: it serves honest clients at once whatever the others do."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass

import pytest

from secmon.core.plan import Listen
from secmon.export.connections import DEADLINE_SECONDS
from secmon.export.guard import ListenError
from secmon.export.pool import CAPS, State
from tests.support.serving import TEXT, Serving


@pytest.fixture
def serving():
    with Serving() as server:
        server.front.publish(None)
        server.front.ready = True
        yield server


@pytest.fixture
def timeless():
    """A server for which no time goes by: its deadlines are no matter where many clients come."""
    with Serving(clock=lambda: 0.0) as server:
        server.front.publish(None)
        server.front.ready = True
        yield server


def exchange(server: Serving, data: bytes) -> bytes:
    """Send bytes and return all that comes until the server closes."""
    with server.connect() as sock:
        sock.sendall(data)
        return b"".join(iter(lambda: sock.recv(65536), b""))


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def get(server: Serving, path: str, **headers: str) -> Answer:
    with contextlib.closing(http.client.HTTPConnection(*server.address, timeout=10)) as connection:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


def test_a_scrape_is_what_was_published_plain_and_compressed(serving):
    plain = get(serving, "/metrics")
    assert (plain.status, plain.body) == (200, TEXT)
    assert plain.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    packed = get(serving, "/metrics", **{"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == TEXT


def test_paths_and_methods(serving):
    assert get(serving, "/-/healthy").status == 200
    assert get(serving, "/-/ready").status == 200
    landing = get(serving, "/")
    assert (landing.status, landing.headers["Content-Security-Policy"]) == (200, "default-src 'none'")
    assert get(serving, "/metric").status == 404
    assert serving.front.rejected["not_found"] == 1
    answer = exchange(serving, b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: GET, HEAD\r\n" in answer


def test_head_sends_the_length_and_no_body(serving):
    answer = exchange(serving, b"HEAD /metrics HTTP/1.0\r\n\r\n")
    assert answer.endswith(b"\r\n\r\n")
    assert f"Content-Length: {len(TEXT)}\r\n".encode() in answer


def test_before_the_first_page_nothing_pretends_to_be_well():
    with Serving() as server:
        for path in ("/metrics", "/-/healthy", "/-/ready"):
            assert get(server, path).status == 503
        server.front.publish(None)
        assert get(server, "/-/healthy").status == 200
        assert get(server, "/-/ready").status == 503


def test_a_page_that_nobody_renews_is_not_healthy():
    now = [100.0]
    with Serving(clock=lambda: now[0]) as server:
        server.front.publish(None)
        now[0] += 60
        assert get(server, "/-/healthy").status == 200
        now[0] += 1
        assert get(server, "/-/healthy").status == 503


def test_one_connection_serves_many_requests(serving):
    connection = serving.client()
    for _ in range(99):
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        assert response.read() == TEXT
        assert response.headers["Connection"] == "keep-alive"
    connection.request("GET", "/metrics")
    assert connection.getresponse().headers["Connection"] == "close"


def test_pipelined_requests_are_answered_in_order_and_bounded(serving):
    with serving.connect() as sock:
        sock.sendall(
            b"GET /-/ready HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n" * 200
        )
        with contextlib.suppress(ConnectionResetError):
            answer = b"".join(iter(lambda: sock.recv(65536), b""))
    statuses = [line.split()[1] for line in answer.split(b"\n") if line.startswith(b"HTTP/1.1 ")]
    assert statuses == [b"200", b"404"] * 50


def test_a_request_in_single_bytes_is_served(serving):
    with serving.connect() as sock:
        for byte in b"\r\n\r\nGET /-/ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n":
            sock.send(bytes([byte]))
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("size", [8192, 8193, 100_000])
def test_a_head_may_have_eight_kibibytes(serving, size):
    frame = b"GET /-/ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: " + b"\r\n\r\n"
    data = frame[:-4] + b"x" * (size - len(frame)) + frame[-4:]
    assert exchange(serving, data).startswith(b"HTTP/1.1 200 " if size <= 8192 else b"HTTP/1.1 431 ")


def test_a_tls_client_is_told_at_once(serving):
    assert exchange(serving, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc").startswith(b"HTTP/1.1 400 ")


def test_a_slow_head_is_answered_408_and_a_silent_client_is_dropped():
    now = [0.0]
    with Serving(clock=lambda: now[0]) as server:
        slow, silent = server.connect(), server.connect()
        slow.sendall(b"GET / HTTP/1.1\r\nHost:")
        server.connect().close()  # the two above have been accepted once this one has
        get(server, "/")
        now[0] += DEADLINE_SECONDS
        get(server, "/")
        assert slow.recv(65536).startswith(b"HTTP/1.1 408 ")
        assert silent.recv(1) == b""
        assert server.front.rejected["timeout"] == 2


def test_an_idle_connection_ends_without_being_called_a_timeout():
    now = [0.0]
    with Serving(clock=lambda: now[0]) as server:
        connection = server.client()
        connection.request("GET", "/")
        connection.getresponse().read()
        get(server, "/")  # once this is answered, the server has put the first exchange behind it
        now[0] += DEADLINE_SECONDS
        get(server, "/")
        assert connection.sock.recv(1) == b""
        assert server.front.rejected["timeout"] == 0


def test_a_client_that_does_not_read_is_dropped_and_keeps_nobody_waiting():
    now = [0.0]
    with Serving(b"x" * 20_000_000, clock=lambda: now[0]) as server:
        server.front.publish(None)
        greedy = server.connect()
        greedy.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        assert get(server, "/-/healthy").status == 200
        now[0] += DEADLINE_SECONDS
        get(server, "/")
        with contextlib.suppress(ConnectionResetError):
            while greedy.recv(1 << 20):
                pass
        assert server.front.rejected["timeout"] == 1


def test_a_thousand_silent_clients_block_nobody(timeless):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    clients = []
    try:
        for number in range(1000):
            clients.append(timeless.connect())
            if number % 100 == 0:
                clients[-1].sendall(b"GET /metrics HTTP/1.1\r\nX-Slow")
                assert get(timeless, "/metrics").body == TEXT
        assert get(timeless, "/metrics").body == TEXT
        assert timeless.front.rejected["too_many_connections"] >= 1000 - CAPS[State.SILENT] - 12
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_fifty_scrapes_at_once_are_all_served(timeless):
    failures = []

    def scrape():
        try:
            assert (
                urllib.request.urlopen("http://{}:{}/metrics".format(*timeless.address), timeout=30).read()
                == TEXT
            )
        except (OSError, AssertionError) as error:
            failures.append(error)

    threads = [threading.Thread(target=scrape) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


STARVED = """
import resource, selectors, socket, sys, time
sys.path.insert(0, {path!r})
from secmon.core.plan import Listen
from secmon.export.http import Front
from secmon.export.metrics import Page
selector = selectors.DefaultSelector()
front = Front(selector, lambda _: Page(b"x", b"x"))
address = front.listen(Listen(port=0))
front.publish(None)
clients = [socket.socket() for _ in range(3)]
resource.setrlimit(resource.RLIMIT_NOFILE, (max(s.fileno() for s in clients) + 1, 64))
for client in clients:
    client.connect(address)
turns, end = 0, time.monotonic() + 0.5
while time.monotonic() < end:
    turns += 1
    wait = front.sweep()
    for key, _ in selector.select(min(end - time.monotonic(), wait if wait is not None else 9)):
        key.data()
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
clients[0].sendall(b"GET /metrics HTTP/1.0\\r\\n\\r\\n")
answer, end = b"", time.monotonic() + 10
clients[0].setblocking(False)
while not answer and time.monotonic() < end:
    for key, _ in selector.select(front.sweep()):
        key.data()
    try:
        answer = clients[0].recv(100)
    except BlockingIOError:
        pass
print(turns, front.rejected["accept_failed"], answer[:12].decode())
"""


def test_without_descriptors_the_loop_rests_and_recovers():
    path = os.fspath(__import__("pathlib").Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", STARVED.format(path=path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    turns, failed, answer = done.stdout.split(maxsplit=2)
    assert int(failed) >= 1
    assert int(turns) < 10
    assert answer.strip() == "HTTP/1.1 200"


def test_a_taken_port_is_a_clear_error_and_the_old_address_is_kept(serving):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            ListenError, match=rf"cannot listen on 127.0.0.1:{port}: Address already in use; stop"
        ):
            serving.front.listen(Listen(port=port))
    with pytest.raises(ListenError, match="must be an address of this host"):
        serving.front.listen(Listen("192.0.2.1"))
    assert get(serving, "/-/ready").status == 200


def test_curl_agrees(serving, needs):
    needs("curl")
    url = "http://{}:{}/metrics".format(*serving.address)
    done = subprocess.run(
        ["curl", "-sS", "--compressed", "--fail", url, url, "-w", "%{num_connects}"],
        capture_output=True,
        check=True,
    )
    assert done.stdout == TEXT + b"1" + TEXT + b"0"


def test_a_real_prometheus_scrapes_it(serving, needs, tmp_path):
    needs("prometheus")
    config = tmp_path / "prometheus.yml"
    address = "{}:{}".format(*serving.address)
    config.write_text(
        "scrape_configs: [{job_name: secmon, scrape_interval: 1s, scrape_timeout: 1s, "
        f"static_configs: [{{targets: ['{address}']}}]}}]"
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            shutil.which("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        values = []
        end = time.monotonic() + 90
        while not values and time.monotonic() < end:
            time.sleep(0.5)
            with contextlib.suppress(OSError):
                url = f"http://127.0.0.1:{port}/api/v1/query?query=secmon_build_info"
                with urllib.request.urlopen(url, timeout=5) as response:
                    values = json.load(response)["data"]["result"]
        assert [value["metric"]["version"] for value in values] == ["0.1.0"]
    finally:
        process.kill()
        process.wait()
