"""The key schedule and the encrypted flight against the traces of RFC 8448."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.checks.tls import keys13
from secmon.checks.tls.flight13 import EncryptedFlight, Offer
from secmon.checks.tls.hello import X25519
from secmon.checks.tls.wire import TLS13, WireError
from secmon.core.model import Reason
from tests.checks.tls import rfc8448

if TYPE_CHECKING:
    from tests.checks.tls.rfc8448 import Trace

TRACES = {
    "simple": rfc8448.SIMPLE,
    "retry": rfc8448.RETRY,
    "client authentication": rfc8448.CLIENT_AUTH,
    "middlebox": rfc8448.MIDDLEBOX,
}


def offer(trace: Trace, index: int = 0) -> Offer:
    group, private = trace.keys[index]
    if group == X25519:
        key = keys13.private_key(group, bytes.fromhex(private))
    else:
        key = keys13.ec.derive_private_key(int(private, 16), keys13.ec.SECP256R1())
    return Offer(bytes.fromhex(trace.hellos[index]), group, key)


def start(trace: Trace, **options: bool) -> EncryptedFlight:
    return EncryptedFlight(offer(trace), lambda group, cookie: offer(trace, 1), whole=True, **options)


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
def test_reads_and_proves_the_chain(trace):
    conversation = start(trace)
    for record in trace.server:
        assert not conversation.finished
        conversation.receive(bytes.fromhex(record))
    assert conversation.finished
    flight = conversation.flight()
    assert flight.version == TLS13
    assert flight.proven
    assert [der.hex() for der in flight.chain] == [trace.certificate]
    assert flight.client_auth is trace.client_auth


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
def test_one_byte_at_a_time_reads_the_same(trace):
    conversation = start(trace)
    for byte in trace.records():
        conversation.receive(bytes([byte]))
    assert conversation.finished
    assert conversation.flight().proven


def test_the_retry_request_is_answered_with_the_second_hello():
    trace = rfc8448.RETRY
    sent = start(trace).receive(bytes.fromhex(trace.server[0]))
    assert sent.hex() == "140303000101" + "1603030200" + trace.hellos[1]


@pytest.mark.parametrize("name", ["simple", "middlebox"])
def test_our_finished_is_the_one_of_the_trace(name):
    trace = TRACES[name]
    sent = start(trace, complete=True).receive(trace.records())
    assert sent.hex().removeprefix("140303000101") == trace.client_finished.removeprefix("140303000101")


@pytest.mark.parametrize("position", [60, 100, 700, -30, -1])
def test_a_changed_byte_never_proves(position):
    data = bytearray(rfc8448.SIMPLE.records())
    data[position] ^= 1
    conversation = start(rfc8448.SIMPLE)
    with pytest.raises(WireError):
        conversation.receive(bytes(data))
    assert conversation.flight().chain == ()


def test_another_key_reads_nothing():
    trace = rfc8448.SIMPLE
    stranger = Offer(bytes.fromhex(trace.hellos[0]), X25519, keys13.private_key(X25519, bytes(48)))
    conversation = EncryptedFlight(stranger, lambda group, cookie: stranger, whole=True)
    with pytest.raises(WireError) as caught:
        conversation.receive(trace.records())
    assert caught.value.reason is Reason.BAD_DATA


def test_the_version_is_enough_where_the_chain_is_not_wanted():
    conversation = EncryptedFlight(
        offer(rfc8448.SIMPLE), lambda group, cookie: offer(rfc8448.SIMPLE), whole=False
    )
    conversation.receive(bytes.fromhex(rfc8448.SIMPLE.server[0]))
    assert conversation.finished
    assert conversation.flight().version == TLS13


def test_a_second_retry_request_is_refused():
    trace = rfc8448.RETRY
    conversation = start(trace)
    conversation.receive(bytes.fromhex(trace.server[0]))
    with pytest.raises(WireError, match="second HelloRetryRequest"):
        conversation.receive(bytes.fromhex(trace.server[0]))


def test_a_group_that_we_cannot_do_leaves_the_version():
    data = bytes.fromhex(rfc8448.RETRY.server[0]).replace(
        b"\x00\x33\x00\x02\x00\x17", b"\x00\x33\x00\x02\x11\xec"
    )
    conversation = start(rfc8448.RETRY)
    assert conversation.receive(data) == b""
    assert conversation.finished
    assert conversation.flight().version == TLS13
    assert conversation.flight().unread is Reason.UNSUPPORTED
    assert "0x11ec" in conversation.flight().detail


@given(st.binary(max_size=2000), st.integers(0, 900))
def test_foreign_bytes_raise_nothing_but_wire_error(noise, kept):
    conversation = start(rfc8448.SIMPLE)
    try:
        conversation.receive(rfc8448.SIMPLE.records()[:kept] + noise)
    except WireError as error:
        assert error.reason in (Reason.NOT_TLS, Reason.BAD_DATA, Reason.RESOURCE_LIMIT)
    assert conversation.flight().proven == (kept >= len(rfc8448.SIMPLE.records()))


@pytest.mark.parametrize("group", sorted(keys13.GROUPS))
def test_both_sides_agree_in_every_group(group):
    ours, theirs = (keys13.private_key(group, bytes([n]) * keys13.SEED_BYTES) for n in (7, 255))
    assert keys13.shared_secret(ours, keys13.key_share(group, theirs).share) == keys13.shared_secret(
        theirs, keys13.key_share(group, ours).share
    )


@pytest.mark.parametrize("group", sorted(keys13.GROUPS))
@pytest.mark.parametrize("share", [b"", bytes(32), b"\x04" + bytes(64), b"\x04" * 97])
def test_a_share_that_is_no_point_is_refused(group, share):
    with pytest.raises(WireError):
        keys13.shared_secret(keys13.private_key(group, bytes(range(48))), share)


@pytest.mark.parametrize("suite", keys13.SUITES.values(), ids=map(hex, keys13.SUITES))
def test_a_sealed_record_opens(suite):
    secret = bytes(suite.hash.digest_size)
    sealed = keys13.RecordCipher(suite, secret).seal(22, b"content")
    reader = keys13.RecordCipher(suite, secret)
    assert reader.open(keys13.Record(23, sealed[:5], sealed[5:])) == (22, b"content")
