"""The blocks of pcapng: packets of every kind, sections, time resolutions, losses, damage."""

from __future__ import annotations

import struct

import pytest

from tests.checks.traffic import packets as p
from tests.checks.traffic.test_pcap import problem, read

HEAD = p.section() + p.interface()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("piece", [1, 5, 1 << 20])
def test_both_byte_orders_in_any_pieces(order, piece):
    data = p.section(order) + p.interface(113, order=order) + p.enhanced(1_500_000, b"abcde", order=order)
    frames, reader = read(data, piece)
    assert frames == [(1.5, b"abcde", 0, 5, 5, 113, 0)]
    assert reader.accounted == len(data)


def test_sections_may_change_the_byte_order_and_begin_their_interfaces_anew():
    data = (
        HEAD
        + p.enhanced(0, b"a")
        + p.section(">")
        + p.interface(101, order=">")
        + p.enhanced(0, b"b", order=">")
    )
    assert [(frame[1], frame[5]) for frame in read(data)[0]] == [(b"a", 1), (b"b", 101)]


@pytest.mark.parametrize(
    ("options", "stamp", "seconds"),
    [
        (b"", 2_500_000, 2.5),
        (p.option(9, b"\x09"), 2_500_000_000, 2.5),
        (p.option(9, b"\x8a"), 2560, 2.5),  # 2 ** -10
        (p.option(14, struct.pack("<q", 100)), 2_500_000, 102.5),
        (p.option(0, b"") + p.option(9, b"\x09"), 2_500_000, 2.5),  # what follows the end does not count
    ],
)
def test_time_resolution_and_offset(options, stamp, seconds):
    data = p.section() + p.interface(options=options) + p.enhanced(stamp, b"a")
    assert read(data)[0][0][0] == pytest.approx(seconds)


def test_a_simple_packet_is_as_long_as_the_snapshot_length_of_its_interface():
    data = p.section() + p.interface(snaplen=4) + p.block(3, struct.pack("<I", 9) + b"abcd")
    assert read(data)[0] == [(0.0, b"abcd", 0, 4, 9, 1, 0)]


def test_an_obsolete_packet_block_is_read():
    body = struct.pack("<HHIIII", 0, 7, 0, 3_000_000, 3, 3) + b"abc"
    assert read(HEAD + p.block(2, body))[0] == [(3.0, b"abc", 0, 3, 3, 1, 0)]


def test_unknown_blocks_are_skipped():
    assert len(read(HEAD + p.block(0x0BAD, b"whatever") + p.enhanced(0, b"a"))[0]) == 1


def test_losses_of_all_interfaces_add_up_and_the_last_statement_of_each_counts():
    def statistics(number: int, dropped: int, by_system: int) -> bytes:
        options = p.option(5, struct.pack("<Q", dropped)) + p.option(7, struct.pack("<Q", by_system))
        return p.block(5, struct.pack("<III", number, 0, 0) + options)

    data = HEAD + p.interface() + statistics(0, 1, 0) + statistics(0, 5, 2) + statistics(1, 10, 0)
    assert read(data)[1].dropped == 17
    assert read(HEAD)[1].dropped is None


@pytest.mark.parametrize(
    ("data", "offset", "text"),
    [
        (HEAD + p.enhanced(0, b"a", number=1), len(HEAD) + 8, "interface 1, which nothing describes"),
        (HEAD + struct.pack("<III", 6, 13, 13), len(HEAD), "says that it is 13 bytes long"),
        (HEAD + struct.pack("<III", 6, 8, 8), len(HEAD), "says that it is 8 bytes long"),
        (HEAD + p.block(6, bytes(8)), len(HEAD) + 8, "too short for its own fields"),
        (HEAD + p.block(3, b""), len(HEAD) + 8, "too short for its own fields"),
        (HEAD + p.block(1, b""), len(HEAD) + 8, "too short for its own fields"),
        (HEAD + p.block(6, struct.pack("<IIIII", 0, 0, 0, 9, 9)), len(HEAD) + 20, "9 bytes does not fit"),
        (HEAD + p.enhanced(2**63, b"a"), len(HEAD) + 12, "a time stamp that is no time"),
        (p.section() + p.interface(options=struct.pack("<HH", 9, 99)), 28 + 16, "option 9 of 99 bytes"),
        (p.section()[:8] + b"????" + p.section()[12:], 8, "the byte-order magic is 3f 3f 3f 3f"),
        (HEAD + p.enhanced(0, b"a")[:-4] + b"\0\0\0\0", len(HEAD) + 32, "ends with the length 0"),
    ],
)
def test_damage_is_named_with_its_place(data, offset, text):
    frames, error = problem(data)
    assert (frames, error.offset) == ([], offset)
    assert text in error.problem


def test_a_section_describes_a_bounded_number_of_interfaces():
    assert "more than 4096 interfaces" in problem(p.section() + p.interface() * 4097)[1].problem
