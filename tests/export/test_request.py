"""A request's head is read strictly: what RFC 9112 forbids is refused, and nothing crashes the reader."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.export.request import Refusal, Request, Response, head, parse

HOST = b"\r\nHost: agent:9877"


def test_a_scrape_of_prometheus_is_read():
    request = parse(
        b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9877\r\nUser-Agent: Prometheus/2.42.0\r\n"
        b"Accept: application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n"
        b"Accept-Encoding: gzip\r\nX-Prometheus-Scrape-Timeout-Seconds: 10"
    )
    assert request == Request("/metrics", head_only=False, gzip=True, keep_alive=True)


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (b"GET /metrics?x=1 HTTP/1.1", "/metrics"),
        (b"GET http://agent:9877/metrics HTTP/1.1", "/metrics"),
        (b"GET HTTP://agent HTTP/1.1", "/"),
        (b"GET //metrics HTTP/1.1", "//metrics"),
    ],
)
def test_the_path_is_taken_from_every_form_of_target(line, path):
    assert parse(line + HOST).path == path


@pytest.mark.parametrize(
    ("head_", "status"),
    [
        (b"GET /metrics HTTP/1.1", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a", 400),
        (b"GET  / HTTP/1.1" + HOST, 400),
        (b"GET /a b HTTP/1.1" + HOST, 400),
        (b"GET /" + HOST, 400),
        (b"GET / http/1.1" + HOST, 400),
        (b"G\x00T / HTTP/1.1" + HOST, 400),
        ("GET /mê HTTP/1.1".encode() + HOST, 400),
        (b"GET / HTTP/1.1" + HOST + b"\r\nX-A : b", 400),
        (b"GET / HTTP/1.1" + HOST + b"\r\n folded", 400),
        (b"GET / HTTP/1.1" + HOST + b"\r\nno colon", 400),
        (b"GET / HTTP/1.1" + HOST + b"\r\nA: b\nC: d", 400),
        (b"GET / HTTP/1.1" + HOST + b"\r\nContent-Length: 5", 400),
        (b"GET / HTTP/1.1" + HOST + b"\r\nContent-Length: 0\r\nContent-Length: 5", 400),
        (b"GET / HTTP/1.1" + HOST + b"\r\nTransfer-Encoding: chunked", 400),
        (b"POST / HTTP/1.1" + HOST + b"\r\nContent-Length: 5", 405),
        (b"DELETE / HTTP/1.1" + HOST, 405),
        (b"PRI * HTTP/2.0", 505),
        (b"GET / HTTP/1.2" + HOST, 505),
        (b"", 400),
    ],
)
def test_what_is_malformed_or_unwanted_is_refused(head_, status):
    with pytest.raises(Refusal) as refused:
        parse(head_)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("value", "takes"),
    [
        (b"gzip", True),
        (b"GZIP, deflate", True),
        (b"deflate, gzip;q=1.0, *;q=0.5", True),
        (b"gzip;q=0.001", True),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000", False),
        (b"*", True),
        (b"*;q=0", False),
        (b"gzip;q=0, *", False),
        (b"identity", False),
        (b"", False),
        (b"xgzip", False),
    ],
)
def test_accept_encoding_follows_rfc_9110(value, takes):
    assert parse(b"GET / HTTP/1.1" + HOST + b"\r\nAccept-Encoding: " + value).gzip is takes


@pytest.mark.parametrize(
    ("version", "connection", "keeps"),
    [
        (b"1.1", None, True),
        (b"1.1", b"close", False),
        (b"1.1", b"TE, Close", False),
        (b"1.0", None, False),
        (b"1.0", b"Keep-Alive", True),
    ],
)
def test_a_connection_stays_open_as_its_version_says(version, connection, keeps):
    line = b"GET / HTTP/" + version + HOST + (b"\r\nConnection: " + connection if connection else b"")
    assert parse(line).keep_alive is keeps


@given(
    st.binary(max_size=400)
    | st.text(max_size=200).map(
        lambda text: b"GET / HTTP/1.1" + HOST + b"\r\n" + text.encode("utf-8", "surrogatepass")
    )
)
def test_no_bytes_give_anything_but_a_request_or_a_refusal(data):
    try:
        request = parse(data)
    except Refusal as refusal:
        assert refusal.status in (400, 405, 505)
    else:
        assert request.path.isascii()


def test_the_head_of_a_response_is_what_clients_read():
    response = Response(HTTPStatus.NOT_FOUND, b"body", headers=(("Vary", "Accept-Encoding"),))
    assert head(response, 0.0, keep_alive=False) == (
        b"HTTP/1.1 404 Not Found\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\nConnection: close\r\n"
        b"X-Content-Type-Options: nosniff\r\nVary: Accept-Encoding\r\n\r\n"
    )
