"""Frames are kept whole, unparsed, and within their limits."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.agent.frames import FRAME_LIMIT
from secmon.agent.spool import Frames, Kept, Part


@pytest.fixture
def frames():
    frames = Frames()
    yield frames
    frames.close()


def _kept(frames: Frames) -> bytes:
    copy = os.memfd_create("copy")
    frames.copy_to(copy)
    data = os.pread(copy, 1 << 25, 0)
    os.close(copy)
    return data


def test_only_whole_lines_are_kept(frames: Frames):
    assert frames.empty
    frames.feed(b"one\ntw")
    assert (_kept(frames), frames.cut_short) == (b"one\n", True)
    frames.feed(b"o\nthree\n")
    assert (_kept(frames), frames.cut_short, frames.size) == (b"one\ntwo\nthree\n", False, 14)
    assert not frames.empty


@given(st.binary(max_size=300), st.lists(st.integers(1, 50), max_size=20))
def test_the_pieces_do_not_matter(data: bytes, cuts: list[int]):
    whole, pieces = Frames(), Frames()
    whole.feed(data)
    rest = data
    for cut in cuts:
        pieces.feed(rest[:cut])
        rest = rest[cut:]
    pieces.feed(rest)
    try:
        assert _kept(pieces) == _kept(whole) == data[: data.rfind(b"\n") + 1]
    finally:
        whole.close()
        pieces.close()


@pytest.mark.parametrize("line", [b"x" * FRAME_LIMIT, b"x" * FRAME_LIMIT + b"\n", b"x" * 10 * FRAME_LIMIT])
def test_a_line_that_is_too_long_breaks_them(frames: Frames, line: bytes):
    frames.feed(b"one\n")
    frames.feed(line)
    assert frames.broken
    frames.feed(b"more\n")
    assert _kept(frames) == b"one\n"


def test_the_longest_line_fits(frames: Frames):
    frames.feed(b"x" * (FRAME_LIMIT - 1) + b"\n")
    assert not frames.broken
    assert frames.size == FRAME_LIMIT


@pytest.mark.parametrize(
    ("line", "progress"),
    [
        (b'{"progress":[3,10]}', (3, 10)),
        (b'{"progress":[3,' + b"1" * 100 + b"]}", None),
        (b'{"progress":["a",10]}', None),
        (b'{"progress":[1,2,3]}', None),
        (b'{"progress":[-1,2]}', None),
        (b'{"progress":[', None),
        (b'{"other":[3,10]}', None),
    ],
)
def test_progress_is_found(frames: Frames, line: bytes, progress: tuple[int, int] | None):
    frames.feed(line + b"\n")
    assert frames.progress == progress


def test_a_window_ends_where_nothing_is_open(frames: Frames):
    one = b'{"begin":0,"x":1}\n{"begin":1}\n{"end":0}\n{"end":1}\n'
    rest = frames.feed(one + b'{"canary":null}\n{"beg', window=True)
    assert rest == b'{"canary":null}\n{"beg'
    assert (_kept(frames), frames.cut_short) == (one, False)


def test_a_window_that_goes_on_is_taken_whole(frames: Frames):
    assert frames.feed(b'{"begin":0}\n{"of":0}\n', window=True) is None
    assert frames.feed(b'{"end":0}\n', window=True) == b""


def test_without_windows_an_end_is_a_line_like_others(frames: Frames):
    assert frames.feed(b'{"begin":0}\n{"end":0}\n{"begin":1}\n') is None


TURNS = (("one", ""), ("two", ""))


@pytest.fixture
def kept():
    kept = Kept()
    yield kept
    kept.close()


def _read(spool: int | None) -> list[bytes]:
    assert spool is not None
    data = os.pread(spool, 4096, 0)
    os.close(spool)
    return data.splitlines()


def _part(probe: str, data: bytes = b"", status: str = "ok", hours: str = "") -> Part:
    part = Part("test", probe, 5.0, started=1.0, finished=2.0, status=status, hours=hours)
    part.frames.feed(data)
    return part


def test_a_spool_has_a_header_for_each_part(kept: Kept):
    kept.put([_part("two", status="timeout"), _part("one", b'{"a":1}\n{"b":2}\n')])
    first, frame_a, frame_b, second = _read(kept.compose(TURNS))
    assert json.loads(first) == {
        "probe": "one",
        "status": "ok",
        "started": 1.0,
        "finished": 2.0,
        "size": 16,
        "hours": "",
    }
    assert (frame_a, frame_b) == (b'{"a":1}', b'{"b":2}')
    assert json.loads(second)["status"] == "timeout"


def test_there_is_no_spool_before_every_probe_has_looked(kept: Kept):
    kept.put([_part("one", b"old\n")])
    assert kept.compose(TURNS) is None
    kept.put([_part("two", b"new\n")])
    assert _read(kept.compose(TURNS))[1::2] == [b"old", b"new"]


def test_what_a_probe_sent_last_takes_the_place_of_what_it_sent_before(kept: Kept):
    kept.put([_part("one", b"old\n"), _part("two", b"two\n")])
    kept.put([_part("one", b"new\n")])
    assert _read(kept.compose(TURNS))[1::2] == [b"new", b"two"]


def test_a_probe_that_the_check_lost_is_forgotten(kept: Kept):
    kept.put([_part("one", b"one\n"), _part("two", b"two\n")])
    assert _read(kept.compose(TURNS[1:]))[1::2] == [b"two"]
    assert kept.compose(TURNS) is None
    assert _read(kept.compose(())) == []


def test_what_is_looked_at_in_other_hours_is_kept_apart(kept: Kept):
    turns = (("one", ""), ("one", "22:00-05:00"))
    kept.put([_part("one", b"any time\n")])
    assert _read(kept.compose(turns))[1::2] == [b"any time"]  # its hours have not come yet
    kept.put([_part("one", b"at night\n", hours="22:00-05:00")])
    kept.put([_part("one", b"later\n")])
    assert _read(kept.compose(turns))[1::2] == [b"later", b"at night"]
