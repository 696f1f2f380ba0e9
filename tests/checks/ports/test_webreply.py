from __future__ import annotations

import random

import pytest

from secmon.checks.ports.webreply import is_reply, read_reply, request, wants_tls

PAGE = (
    b'HTTP/1.1 401 Unauthorized\r\nDate: x\r\nServer: nginx/1.22.1\r\nWWW-Authenticate: Basic realm="Box"\r\n'
    b"set-cookie: A=1; path=/\r\nSet-Cookie: B=2\r\nLocation: https://192.0.2.1/login\r\n\r\n"
    b"<html><TITLE lang=en>\n  Log  in \n</TITLE><body>hello"
)  # fmt: skip


def test_texts_come_in_order_of_how_much_they_tell():
    told = read_reply(PAGE)
    assert told.service == "http"
    assert told.texts == (
        ("http.title", "Log in"),
        ("http.authenticate", 'Basic realm="Box"'),
        ("http.location", "https://192.0.2.1/login"),
        ("http.cookie", "A=1; path=/"),
        ("http.cookie", "B=2"),
        ("http.body", "<html><TITLE lang=en>\n  Log  in \n</TITLE><body>hello"),
        ("http.server", "nginx/1.22.1"),
    )
    assert told.banner == "HTTP/1.1 401 Unauthorized; Log in; nginx/1.22.1", "a cookie is no text to show"


@pytest.mark.parametrize("end", range(0, len(PAGE), 7))
def test_a_reply_that_was_cut_off_is_read_as_far_as_it_goes(end):
    told = read_reply(PAGE[:end])
    assert told.service == "http"
    assert all(text for _, text in told.texts)


def test_headers_are_bounded():
    flood = b"HTTP/1.1 200 OK\r\n" + b"Server: a\r\n" * 500 + b"\r\n"
    assert len(read_reply(flood).texts) == 64


def test_a_request_names_the_host_and_nothing_more():
    assert request("fw.example.vn").startswith(b"GET / HTTP/1.1\r\nHost: fw.example.vn\r\n")
    assert b"Host: [2001:db8::1]\r\n" in request("2001:db8::1")
    assert b"Host: m?y.vn??X?1\r\n" in request("máy.vn\r\nX 1")


def test_a_bad_request_may_want_tls():
    assert wants_tls(b"HTTP/1.1 400 Bad Request\r\n")
    assert not wants_tls(PAGE)
    assert not wants_tls(b"\x15\x03\x01")
    assert is_reply(PAGE)
    assert not is_reply(b"SSH-2.0-x")


def test_no_bytes_break_it():
    source = random.Random(7)
    for _ in range(300):
        data = bytearray(PAGE)
        for _ in range(8):
            data[source.randrange(len(data))] = source.randrange(256)
        read_reply(bytes(data))
