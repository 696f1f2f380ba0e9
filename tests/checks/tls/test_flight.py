"""The flight in clear, from OpenSSL in memory and from made-up bytes."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.checks.tls import wire
from secmon.checks.tls.flight import PlainFlight, parse_chain
from secmon.checks.tls.flight13 import parse_chain_13
from secmon.checks.tls.hello import build_hello
from secmon.checks.tls.wire import TLS12, WireError
from secmon.core.model import Reason
from tests.checks.tls.ca import authority, issue

RANDOM = bytes(range(32))
_, ISSUING = authority()
LEAF = issue("leaf", ISSUING, names=["www.example.vn"])

SERVER_HELLO = wire.message(2, b"\x03\x03" + bytes(32) + b"\x00\xc0\x2f\x00")
DONE = wire.message(14, b"")


def start(*, whole: bool = True, offered: int = TLS12) -> PlainFlight:
    return PlainFlight(build_hello(offered, RANDOM, ""), offered, whole=whole)


def certificate_message(*entries: bytes) -> bytes:
    return wire.message(11, wire.prefixed(3, b"".join(wire.prefixed(3, entry) for entry in entries)))


def handshake(*messages: bytes) -> bytes:
    return wire.record(wire.HANDSHAKE, TLS12, b"".join(messages))


def openssl_flight(opening: bytes, tmp_path, verify: ssl.VerifyMode) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (tmp_path / "both.pem").write_bytes(LEAF.key_pem + LEAF.pem + ISSUING.pem)
    (tmp_path / "ca.pem").write_bytes(ISSUING.pem)
    context.load_cert_chain(tmp_path / "both.pem")
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = verify
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    incoming.write(opening)
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("verify", [ssl.CERT_NONE, ssl.CERT_REQUIRED])
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_openssls_flight(tmp_path, verify, step):
    conversation = start()
    data = openssl_flight(conversation.opening, tmp_path, verify)
    for position in range(0, len(data), step):
        assert not conversation.finished
        assert conversation.receive(data[position : position + step]) == b""
    flight = conversation.flight()
    assert conversation.finished
    assert flight.version == TLS12
    assert flight.chain == (LEAF.der, ISSUING.der)
    assert flight.client_auth is (verify is ssl.CERT_REQUIRED)


def test_a_version_is_enough_where_no_more_is_wanted():
    conversation = start(whole=False)
    conversation.receive(handshake(SERVER_HELLO))
    assert conversation.finished


def test_a_fatal_alert_ends_and_a_warning_does_not():
    conversation = start()
    conversation.receive(wire.record(wire.ALERT, TLS12, b"\x01\x70"))
    assert not conversation.finished
    conversation.receive(wire.record(wire.ALERT, TLS12, b"\x02\x28"))
    assert conversation.finished
    assert conversation.flight().alert == 40


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (handshake(DONE), "began with"),
        (wire.record(wire.APPLICATION_DATA, TLS12, b"x"), "type 23"),
        (handshake(SERVER_HELLO, certificate_message(*[b"0"] * 17)), "more than 16"),
        (handshake(SERVER_HELLO, wire.message(11, b"\x00\x00\x09\x00")), "too early"),
        (handshake(SERVER_HELLO.replace(b"\x03\x03", b"\x03\x05")), "unknown version"),
    ],
)
def test_what_no_server_may_say(data, words):
    with pytest.raises(WireError, match=words):
        start().receive(data)


def test_a_version_that_was_not_offered():
    with pytest.raises(WireError, match="not offered"):
        start(offered=wire.TLS11).receive(handshake(SERVER_HELLO))


@given(st.lists(st.binary(max_size=40), max_size=16))
def test_chains_are_read_back(entries):
    body = certificate_message(*entries)[4:]
    assert parse_chain(body) == tuple(entries)
    with_extensions = b"".join(wire.prefixed(3, entry) + b"\x00\x00" for entry in entries)
    assert parse_chain_13(b"\x00" + wire.prefixed(3, with_extensions)) == tuple(entries)


@given(
    st.lists(st.tuples(st.sampled_from([20, 21, 22, 23]), st.binary(max_size=80)), max_size=8),
    st.binary(max_size=80),
)
def test_foreign_records_raise_nothing_but_wire_error(records, tail):
    conversation = start()
    stream = (
        handshake(SERVER_HELLO)
        + b"".join(wire.record(kind, TLS12, payload) for kind, payload in records)
        + tail
    )
    try:
        conversation.receive(stream)
    except WireError as error:
        assert error.reason in (Reason.NOT_TLS, Reason.BAD_DATA, Reason.RESOURCE_LIMIT)
    assert len(conversation.flight().chain) <= wire.CHAIN_LIMIT
