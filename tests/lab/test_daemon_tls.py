"""The page under TLS over real sockets: it lets in whom it should, at once, whatever the others do."""

from __future__ import annotations

import contextlib
import http.client
import random
import resource
import socket
import ssl
import subprocess
import time

import pytest

from secmon.export.connections import DEADLINE_SECONDS
from secmon.export.pool import CAPS, State
from tests.support.processes import wait_for
from tests.support.securepage import (
    AGENT,
    CA,
    NOW,
    REQUEST,
    STRANGER,
    Place,
    at_once,
    body,
    certify,
    dial,
    exchange,
    serving,
)
from tests.support.serving import TEXT


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def server(place):
    with serving(place.web()) as made:
        yield made


@pytest.fixture
def timeless(place):
    """A server for which no time goes by: its deadlines are no matter where many clients come."""
    with serving(place.web(), clock=lambda: 0.0) as made:
        yield made


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_with_the_right_certificate_gets_the_page(place, server, version):
    context = place.client(minimum_version=version, maximum_version=version)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with dial(server, context) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
        assert connection.version() == version.name.replace("_", ".")
    assert body(exchange(server, context)) == TEXT
    assert sum(server.front.rejected.values()) == 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    "pair",
    [
        None,
        certify("stranger", STRANGER, sans=("prometheus",), uses=("client",)),
        certify("old", CA, sans=("prometheus",), uses=("client",), until=NOW - 60),
        AGENT,
    ],
    ids=["none", "of a stranger", "expired", "of an agent"],
)
def test_any_other_client_is_told_so_and_counted(place, server, pair, version):
    context = place.client(pair, minimum_version=version, maximum_version=version)
    with pytest.raises(ssl.SSLError, match="ALERT"):  # an alert, not a reset
        exchange(server, context)
    assert wait_for(lambda: server.front.rejected["client_certificate"] == 1)
    assert body(exchange(server, place.client())) == TEXT


@pytest.mark.parametrize(
    ("allowed", "right"),
    [
        (("prometheus",), True),
        (("other", "spiffe://vi-du/prometheus"), True),
        (("Prometheus",), False),
        (("prometheus.example",), False),
    ],
)
def test_only_certain_names_are_let_in(place, allowed, right):
    with serving(place.web(allowed_sans=allowed)) as server:
        context = place.client(maximum_version=ssl.TLSVersion.TLSv1_2)  # a session of 1.2 is known at once
        if right:
            with dial(server, context) as first:
                first.sendall(REQUEST)
                session = first.session
            assert body(exchange(server, context, session=session)) == TEXT
            with dial(server, context, session) as again:
                assert again.session_reused
        else:
            for _ in range(2):
                assert exchange(server, context).startswith(b"HTTP/1.1 403 ")
            assert server.front.rejected["client_certificate"] == 2


def test_an_address_in_a_certificate_is_compared_as_an_address(place):
    pair = certify("v6", CA, sans=("2001:db8::7",), uses=("client",))
    with serving(place.web(allowed_sans=("2001:db8::7",))) as server:
        assert body(exchange(server, place.client(pair))) == TEXT


def test_a_certificate_that_may_be_given_is_verified_where_it_is(place):
    with serving(place.web(client_auth="optional")) as server:
        assert body(exchange(server, place.client(None))) == TEXT
        with pytest.raises(ssl.SSLError):
            exchange(server, place.client(certify("stranger", STRANGER)))


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_old_versions_are_refused(place, server):
    context = place.client(maximum_version=ssl.TLSVersion.TLSv1_1, minimum_version=ssl.TLSVersion.TLSv1_1)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        exchange(server, context)
    assert wait_for(lambda: server.front.rejected["tls_handshake"] == 1)


def test_who_comes_without_tls_is_told_to_use_it(server):
    with server.connect() as sock:
        sock.sendall(REQUEST)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"use https://" in answer
    assert TEXT not in answer


def test_a_client_cannot_renegotiate(place, server, needs):
    needs("openssl")
    files = [f"{place.folder}/{name}" for name in ("ca.crt", "prometheus.crt", "prometheus.key")]
    command = ["openssl", "s_client", "-tls1_2", "-connect", "{}:{}".format(*server.address)]
    done = subprocess.run(
        [*command, "-CAfile", files[0], "-cert", files[1], "-key", files[2]],
        input="R\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "RENEGOTIATING" in done.stdout + done.stderr
    assert "no renegotiation" in done.stderr
    assert body(exchange(server, place.client())) == TEXT


def test_one_connection_serves_many_requests(place, server):
    connection = http.client.HTTPSConnection(*server.address, timeout=10, context=place.client())
    with contextlib.closing(connection):
        for _ in range(100):
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            assert response.read() == TEXT
        assert response.headers["Connection"] == "close"


def test_a_large_page_comes_whole_to_a_slow_reader(place):
    page = random.Random(1).randbytes(5_000_000)
    with serving(place.web(), body=page) as server, dial(server, place.client()) as connection:
        connection.sendall(REQUEST)
        got = bytearray()
        while data := connection.recv(50_000):
            got += data
            if len(got) < 200_000:
                time.sleep(0.01)
        assert body(bytes(got)) == page


def test_what_is_silent_or_slow_is_dropped_in_time(place):
    now = [0.0]
    with serving(place.web(), clock=lambda: now[0]) as server:
        silent, begun = server.connect(), server.connect()
        begun.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        slow = dial(server, place.client())
        slow.sendall(b"GET / HTTP/1.1\r\nHost:")
        exchange(server, place.client())
        now[0] += DEADLINE_SECONDS
        exchange(server, place.client())
        assert slow.recv(65536).startswith(b"HTTP/1.1 408 ")
        assert silent.recv(1) == begun.recv(1) == b""
        assert server.front.rejected["timeout"] == 3
        slow.close()


def hello():
    """Return the first bytes of a client that speaks TLS."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="agent").do_handshake()
    return outgoing.read()


@pytest.mark.parametrize(
    "data", [b"", b"\x16", hello(), b"G"], ids=["silence", "a byte", "a hello", "no TLS"]
)
def test_five_hundred_clients_that_do_not_go_on_block_nobody(place, timeless, data):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    context = place.client()
    clients = []
    try:
        for number in range(500):
            clients.append(socket.create_connection(timeless.address, timeout=10))
            clients[-1].sendall(data)
            if number % 100 == 99:
                assert body(exchange(timeless, context)) == TEXT
        state = State.HANDSHAKE if len(data) > 1 else State.SILENT
        if data != b"G":
            assert timeless.front.rejected["too_many_connections"] >= 500 - CAPS[state] - CAPS[State.SILENT]
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_fifty_scrapes_at_once_are_all_served(place, timeless):
    context = place.client()

    def scrape():
        assert body(exchange(timeless, context)) == TEXT

    assert at_once(50, scrape) == []


def test_bytes_that_only_look_like_tls_harm_nobody(place, server):
    chance = random.Random(7)
    whole = hello()
    for _ in range(200):
        data = bytearray(whole)
        for _ in range(chance.randint(0, 20)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        data[0] = 0x16
        with server.connect() as sock, contextlib.suppress(OSError):
            sock.sendall(bytes(data[: chance.randint(1, len(data))]))
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
    assert body(exchange(server, place.client())) == TEXT
    assert server.front.rejected["tls_handshake"] >= 100
