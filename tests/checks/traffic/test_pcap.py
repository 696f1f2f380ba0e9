"""Classic pcap and pcapng: what is in a file, in whatever pieces it comes, and what is wrong with it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secmon.checks.traffic.frames import CaptureError
from secmon.checks.traffic.pcap import Reader
from tests.checks.traffic import packets as p

FRAMES = [
    p.frame(1000.25, p.tcp("10.0.0.1", "10.0.0.2", (1024, 80), p.SYN)),
    p.frame(1001.5, b"x" * 60),
    p.frame(1002.75, b""),
]


def read(data: bytes, piece: int = 1 << 20) -> tuple[list[tuple], Reader]:
    reader, frames = Reader(), []
    for at in range(0, len(data), piece):
        for stamp, buffer, start, end, wire, link, vlan in reader.feed(data[at : at + piece]):
            frames.append((stamp, bytes(buffer[start:end]), 0, end - start, wire, link, vlan))
    reader.finish()
    return frames, reader


def problem(data: bytes) -> tuple[list[tuple], CaptureError]:
    reader, frames = Reader(), []
    with pytest.raises(CaptureError) as caught:
        for stamp, buffer, start, end, wire, link, vlan in reader.feed(data):
            frames.append((stamp, bytes(buffer[start:end]), 0, end - start, wire, link, vlan))
        reader.finish()
    return frames, caught.value


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nanoseconds", [False, True])
@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_both_byte_orders_and_resolutions_in_any_pieces(order, nanoseconds, piece):
    data = p.pcap(FRAMES, order=order, nanoseconds=nanoseconds)
    frames, reader = read(data, piece)
    assert frames == FRAMES
    assert reader.fed == reader.accounted == len(data)
    assert reader.dropped is None


def test_the_bits_for_check_sequences_are_no_link_type():
    data = bytearray(p.pcap(FRAMES, link=113))
    data[23] |= 0x24
    assert {frame[5] for frame in read(bytes(data))[0]} == {113}


def test_a_file_cut_anywhere_gives_what_came_before_and_the_place():
    data = p.pcap(FRAMES)
    ends = [24, 24 + 16 + 54, 24 + 16 + 54 + 16 + 60, len(data)]
    for length in range(len(data)):
        if length in ends:
            assert len(read(data[:length])[0]) == ends.index(length)
            continue
        frames, error = problem(data[:length])
        whole = max((end for end in ends if end < length), default=0)
        assert (frames, error.offset) == (FRAMES[: ends.index(whole)] if whole else [], whole)


def test_a_record_larger_than_any_frame_is_refused_by_its_place():
    data = p.pcap(FRAMES[:1])
    frames, error = problem(data + struct.pack("<IIII", 1, 1, 262_145, 262_145) + bytes(262_145))
    assert frames == FRAMES[:1]
    assert str(error) == f"byte {len(data)}: a record says that it holds 262145 bytes; 262144 is the most"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "byte 0: the file is empty"),
        (b"\x1f\x8b\x08\x00", "byte 0: the file is gzip-compressed; unpack it first"),
        (b"PK\x03\x04", "byte 0: the file is a ZIP archive; unpack it first"),
        (b"%PDF-1.7", "byte 0: not a pcap or pcapng file: it begins with 25 50 44 46"),
        (b"abc", "byte 0: the file ends within a record: 3 bytes are left of it"),
        (b"\xd4\xc3\xb2\xa1\x03\0\0\0" + bytes(16), "byte 4: pcap version 3.0 is not known: 2.4 is wanted"),
    ],
)
def test_a_foreign_file_is_named(data, text):
    frames, error = problem(data)
    assert (frames, str(error)) == ([], text)


@given(st.binary(max_size=300), st.integers(1, 64))
def test_no_bytes_raise_anything_but_a_capture_error(data, piece):
    for head in (b"", p.pcap(FRAMES[:2]), p.section() + p.interface()):
        try:
            read(head + data, piece)
        except CaptureError as error:
            assert 0 <= error.offset <= len(head + data)


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_file_raises_nothing_but_a_capture_error(data):
    whole = (
        p.section()
        + p.interface(options=p.option(9, b"\x09") + p.option(14, struct.pack("<q", 5)))
        + p.enhanced(7, b"abcdef")
        + p.block(3, struct.pack("<I", 4) + b"abcd")
        + p.block(5, struct.pack("<III", 0, 0, 0) + p.option(5, struct.pack("<Q", 3)))
    )
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        frames, reader = read(bytes(damaged))
    except CaptureError:
        return
    assert reader.accounted == len(whole)
    assert all(0 <= frame[0] < 2**34 for frame in frames)
