"""Netlink framing: truncated, refused and interrupted dumps are told apart, and nothing else is ever raised."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secmon.sources import netlink

SEQUENCE = 7
DONE = bytes.fromhex("140000000300020007000000c158000000000000")  # recorded, Linux 6.18
REFUSED = bytes.fromhex("140000000300020007000000c1580000feffffff")  # recorded: no such protocol


def message(kind: int, payload: bytes, *, flags: int = 2, sequence: int = SEQUENCE) -> bytes:
    data = struct.pack("=IHHII", 16 + len(payload), kind, flags, sequence, 0) + payload
    return data + bytes(-len(data) % 4)


def test_messages_of_one_datagram_are_split_until_done():
    part = netlink.parse_dump(
        message(20, b"first") + message(20, b"second") + DONE + message(20, b"late"), SEQUENCE
    )
    assert part == netlink.Part((b"first", b"second"), done=True, interrupted=False)


def test_without_done_the_dump_goes_on():
    assert not netlink.parse_dump(message(20, b"x"), SEQUENCE).done


def test_a_table_that_changed_is_interrupted():
    assert netlink.parse_dump(message(20, b"x", flags=0x12) + DONE, SEQUENCE).interrupted


def test_an_answer_to_another_request_is_skipped():
    part = netlink.parse_dump(
        message(20, b"stale", sequence=6) + message(1, b"") + message(20, b"mine"), SEQUENCE
    )
    assert part.payloads == (b"mine",)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (REFUSED, errno.ENOENT),
        (message(2, struct.pack("=i", -errno.EPERM) + bytes(16)), errno.EPERM),
        (message(2, b"\x01"), errno.EBADMSG),
        (DONE[:10], errno.EBADMSG),
        (DONE[:18], errno.EBADMSG),
        (struct.pack("=IHHII", 3, 20, 0, SEQUENCE, 0), errno.EBADMSG),
    ],
    ids=[
        "dump ends in an errno",
        "error message",
        "short error",
        "half a header",
        "half a message",
        "length 3",
    ],
)
def test_refusals_and_truncation_name_their_errno(data, code):
    with pytest.raises(netlink.NetlinkError) as caught:
        netlink.parse_dump(data, SEQUENCE)
    assert caught.value.code == code


def test_done_without_a_code_ends_the_dump_of_an_old_kernel():
    assert netlink.parse_dump(message(3, b""), SEQUENCE).done


def test_attributes_are_read_without_their_flags():
    data = struct.pack("=HH4s", 8, 0x8000 | 21, b"four") + struct.pack("=HHBxxx", 5, 11, 1)
    assert netlink.parse_attributes(data) == {21: b"four", 11: b"\x01"}


@pytest.mark.parametrize("data", [struct.pack("=HH", 3, 1), struct.pack("=HH", 9, 1) + b"four"])
def test_a_truncated_attribute_is_refused(data):
    with pytest.raises(netlink.NetlinkError):
        netlink.parse_attributes(data)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_else(data):
    for parse in (lambda: netlink.parse_dump(data, SEQUENCE), lambda: netlink.parse_attributes(data)):
        try:
            parse()
        except netlink.NetlinkError as error:
            assert error.code > 0
