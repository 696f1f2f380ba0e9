"""Passwords over real sockets: asked for everywhere, verified beside the loop, and of no use to who guesses."""

from __future__ import annotations

import random
import socket
import subprocess

import pytest

from tests.support.securepage import (
    REQUEST,
    Place,
    at_once,
    body,
    exchange,
    serving,
    with_password,
)
from tests.support.serving import TEXT


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("pki"))


def test_a_password_is_asked_for_everywhere_and_then_the_page_is_there(place):
    with serving(place.web(users=True, client_auth="none")) as server:
        context = place.client(None)
        for path in (b"/metrics", b"/", b"/-/healthy", b"/nothing"):
            answer = exchange(server, context, REQUEST.replace(b"/metrics", path))
            assert answer.startswith(b"HTTP/1.1 401 ")
            assert b'\r\nWWW-Authenticate: Basic realm="secmon"' in answer
        assert exchange(server, context, with_password(b"wrong")).startswith(b"HTTP/1.1 401 ")
        assert exchange(server, context, with_password(b"right", b"root")).startswith(b"HTTP/1.1 401 ")
        for _ in range(2):
            assert body(exchange(server, context, with_password(b"right"))) == TEXT
        assert server.front.rejected["unauthorized"] == 6


def test_requests_are_answered_in_order_while_passwords_are_verified(place):
    with serving(place.web(users=True, tls=False)) as server, server.connect() as sock:
        first = with_password(b"wrong").replace(b"Connection: close\r\n", b"")
        second = with_password(b"right").replace(b"Connection: close\r\n", b"")
        sock.sendall(first + second + second + REQUEST)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    statuses = [line.split()[1] for line in answer.split(b"\n") if line.startswith(b"HTTP/1.1 ")]
    assert statuses == [b"401", b"200", b"200", b"401"]


def test_fifty_first_scrapes_wait_for_one_verification(place):
    with serving(place.web(users=True), clock=lambda: 0.0) as server:  # else some wait past its deadline
        context = place.client()

        def scrape():
            assert body(exchange(server, context, with_password(b"right"))) == TEXT

        assert at_once(50, scrape) == []


def test_guessing_neither_gets_in_nor_holds_up_who_is_known(place):
    with serving(place.web(users=True, tls=False)) as server:

        def ask(password):
            with socket.create_connection(server.address, timeout=10) as sock:
                sock.sendall(with_password(password))
                return b"".join(iter(lambda: sock.recv(65536), b"")).split()[1]

        assert ask(b"right") == b"200"
        seen = []
        assert at_once(30, lambda: seen.append(ask(random.randbytes(6).hex().encode()))) == []
        assert set(seen) <= {b"401", b"503"}
        assert ask(b"right") == b"200"
        rejected = server.front.rejected
        assert rejected["unauthorized"] + rejected["too_many_logins"] == 30


def test_a_client_that_leaves_while_its_password_is_verified_harms_nobody(place):
    with serving(place.web(users=True, tls=False)) as server:
        for number in range(20):
            with server.connect() as sock:
                sock.sendall(with_password(b"%d" % number))
        with server.connect() as sock:
            sock.sendall(with_password(b"right"))
            assert sock.recv(65536).split()[1] in {b"200", b"503"}


def test_curl_agrees(place, needs):
    needs("curl")
    with serving(place.web(users=True)) as server:
        url = "https://{}:{}/metrics".format(*server.address)
        command = ["curl", "-sS", "--fail", "--cacert", f"{place.folder}/ca.crt"]
        command += ["--cert", f"{place.folder}/prometheus.crt", "--key", f"{place.folder}/prometheus.key"]
        done = subprocess.run([*command, "-u", "prom:right", url, url], capture_output=True, check=False)
        assert done.stdout == TEXT + TEXT, done.stderr
