"""Records and messages: any cut of the stream reads the same, and no bytes raise anything but WireError."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.checks.tls import wire
from secmon.checks.tls.wire import Cursor, MessageReader, RecordReader, WireError
from secmon.core.model import Reason

RECORDS = st.lists(
    st.tuples(st.sampled_from([20, 21, 22, 23]), st.binary(min_size=1, max_size=200)), max_size=6
)
MESSAGES = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=300)), max_size=6)


def cut(data: bytes, points: list[int]) -> list[bytes]:
    edges = [0, *sorted(point % (len(data) + 1) for point in points), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(RECORDS, st.lists(st.integers(0, 5000), max_size=10))
def test_records_survive_any_cut(records, points):
    stream = b"".join(wire.record(kind, wire.TLS12, payload) for kind, payload in records)
    reader = RecordReader()
    found = [item for part in cut(stream, points) for item in reader.feed(part)]
    assert [(item.type, item.payload) for item in found] == records
    assert b"".join(item.header + item.payload for item in found) == stream


@given(MESSAGES, st.lists(st.integers(0, 5000), max_size=10))
def test_messages_survive_any_cut(messages, points):
    stream = b"".join(wire.message(kind, body) for kind, body in messages)
    reader = MessageReader()
    found = [item for part in cut(stream, points) if part for item in reader.feed(part)]
    assert [(item.type, item.body) for item in found] == messages
    assert not reader.pending


@given(st.binary(max_size=500))
def test_foreign_bytes_are_read_or_refused(data):
    try:
        for item in RecordReader().feed(data):
            assert item.type in (20, 21, 22, 23)
    except WireError as error:
        assert error.reason is Reason.NOT_TLS


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 400", b"SSH-2.0-x", b"220 smtp", b"\x16\x02", b"\x80\x2e\x01", b"\x00"]
)
def test_what_is_no_tls_is_known_from_its_first_bytes(data):
    with pytest.raises(WireError) as caught:
        list(RecordReader().feed(data))
    assert caught.value.reason is Reason.NOT_TLS


def test_a_record_that_is_too_long_is_no_tls():
    with pytest.raises(WireError, match="65535"):
        list(RecordReader().feed(b"\x16\x03\x03\xff\xff"))


def test_a_conversation_has_an_end():
    reader = RecordReader()
    whole = wire.record(22, wire.TLS12, bytes(16_000))
    with pytest.raises(WireError) as caught:
        for _ in range(20):
            list(reader.feed(whole))
    assert caught.value.reason is Reason.RESOURCE_LIMIT


def test_a_message_cannot_claim_more_than_a_conversation():
    with pytest.raises(WireError) as caught:
        list(MessageReader().feed(b"\x0b\xff\xff\xff"))
    assert caught.value.reason is Reason.RESOURCE_LIMIT


def test_an_empty_handshake_record_is_refused():
    with pytest.raises(WireError):
        list(MessageReader().feed(b""))


@given(st.binary(max_size=50), st.integers(0, 4), st.integers(0, 60))
def test_a_cursor_never_passes_the_end(data, width, count):
    cursor = Cursor(data)
    try:
        assert len(cursor.take(count)) == count
        cursor.integer(width)
        cursor.vector(width)
    except WireError as error:
        assert error.reason is Reason.BAD_DATA


def test_alerts():
    assert wire.parse_alert(b"\x02\x28") == (2, 40)
    assert wire.is_fatal(2, 40)
    assert wire.is_fatal(1, 0)
    assert not wire.is_fatal(1, 112)
    with pytest.raises(WireError):
        wire.parse_alert(b"\x02")
