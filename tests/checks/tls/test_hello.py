"""Hellos: what is built, read back by OpenSSL; what servers send, from RFC 8448."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.checks.tls import hello, wire
from secmon.checks.tls.hello import (
    KeyShare,
    build_hello,
    build_hello_13,
    build_minimal_hello,
    parse_server_hello,
)
from secmon.checks.tls.wire import WireError
from secmon.core.model import Reason
from tests.checks.tls import rfc8448
from tests.checks.tls.ca import RSA_2048, issue

RANDOM = bytes(range(32))


def openssl_answers(message: bytes, tmp_path, name: str | None) -> bytes:
    """Hand a hello to OpenSSL in memory, which must read `name` in it, and return its first bytes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    certificate = issue("x", names=["www.example.vn"], key=RSA_2048)
    (tmp_path / "both.pem").write_bytes(certificate.key_pem + certificate.pem)
    context.load_cert_chain(tmp_path / "both.pem")
    names = []
    context.sni_callback = lambda _object, seen, _context: names.append(seen)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(wire.record(wire.HANDSHAKE, wire.TLS10, message))
    with pytest.raises(ssl.SSLWantReadError):
        server.do_handshake()
    assert names == [name]
    return outgoing.read()


def first_message(data: bytes) -> wire.Message:
    record = next(wire.RecordReader().feed(data))
    return next(wire.MessageReader().feed(record.payload))


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (build_hello(wire.TLS12, RANDOM, "www.example.vn"), "www.example.vn"),
        (build_hello(wire.TLS12, RANDOM, ""), None),
        (build_minimal_hello(RANDOM), None),
    ],
    ids=["with a name", "without", "minimal"],
)
def test_openssl_takes_our_hello(message, name, tmp_path):
    chosen = parse_server_hello(first_message(openssl_answers(message, tmp_path, name)).body)
    assert chosen.version == wire.TLS12
    assert not chosen.retry


def test_openssl_takes_our_hello_of_tls13(tmp_path):
    share = KeyShare(hello.X25519, bytes([9]) + bytes(31))
    message = build_hello_13(RANDOM, RANDOM, "www.example.vn", share)
    chosen = parse_server_hello(first_message(openssl_answers(message, tmp_path, "www.example.vn")).body)
    assert (chosen.version, chosen.suite in hello.SUITES_13) == (wire.TLS13, True)
    assert chosen.key_share.group == hello.X25519
    assert len(chosen.key_share.share) == 32


@pytest.mark.parametrize("version", [wire.TLS10, wire.TLS11, wire.TLS12])
@pytest.mark.parametrize("name", ["", "a.vn", "x" * 60 + "." + "y" * 60 + ".vn", ".".join(["z" * 60] * 4)])
def test_no_hello_is_of_the_size_that_load_balancers_hang_on(version, name):
    size = len(build_hello(version, RANDOM, name))
    assert not 256 <= size < 512


def test_the_server_hello_of_rfc8448():
    body = bytes.fromhex(rfc8448.SIMPLE.server[0])[9:]
    chosen = parse_server_hello(body)
    assert (chosen.version, chosen.suite, chosen.retry, chosen.cookie) == (wire.TLS13, 0x1301, False, b"")
    assert chosen.key_share.share.hex().startswith("c9828876")


def test_the_retry_request_of_rfc8448():
    chosen = parse_server_hello(bytes.fromhex(rfc8448.RETRY.server[0])[9:])
    assert (chosen.retry, chosen.key_share) == (True, KeyShare(hello.SECP256R1))
    assert len(chosen.cookie) == 0x72


@given(st.binary(max_size=300), st.integers(0, 100))
def test_foreign_hellos_are_read_or_refused(noise, kept):
    body = bytes.fromhex(rfc8448.SIMPLE.server[0])[9:]
    try:
        parse_server_hello(body[:kept] + noise)
    except WireError as error:
        assert error.reason is Reason.BAD_DATA


def test_an_extension_twice_is_refused():
    extension = b"\x00\x2b\x00\x02\x03\x04"
    body = b"\x03\x03" + bytes(32) + b"\x00\x13\x01\x00" + b"\x00\x0c" + extension * 2
    with pytest.raises(WireError, match="twice"):
        parse_server_hello(body)
