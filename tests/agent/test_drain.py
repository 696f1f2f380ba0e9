"""A pipe is emptied into memory that nobody can change afterwards."""

from __future__ import annotations

import os

import pytest

from secmon.agent.drain import Drain, read_and_close, write_all


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    yield reader, writer
    os.close(writer)


def test_what_comes_is_kept_up_to_the_limit(pipe):
    reader, writer = pipe
    drain = Drain(reader, limit=10)
    assert drain.read()
    os.write(writer, b"12345")
    assert drain.read()
    os.write(writer, b"67890")
    assert drain.read()
    assert (drain.size, drain.pipe) == (10, reader)
    os.write(writer, b"x")
    assert not drain.read()
    assert drain.pipe == -1
    with pytest.raises(BrokenPipeError):
        os.write(writer, b"more")
    assert read_and_close(drain.seal()) == b"1234567890"


def test_the_end_closes_the_pipe():
    reader, writer = os.pipe()
    drain = Drain(reader, limit=1 << 20)
    write_all(writer, b"line one\nline two\n")
    os.close(writer)
    assert drain.read()
    assert drain.pipe == -1
    assert drain.read()
    assert read_and_close(drain.seal(), first_line=True) == b"line one\n"


def test_what_is_sealed_stays_as_it_is(pipe):
    drain = Drain(pipe[0], limit=10)
    os.write(pipe[1], b"abc")
    drain.read()
    sealed = drain.seal()
    for harm in (lambda: os.pwrite(sealed, b"x", 0), lambda: os.ftruncate(sealed, 0)):
        with pytest.raises(PermissionError):
            harm()
    assert read_and_close(sealed) == b"abc"


def test_nothing_is_nothing():
    assert read_and_close(None) == b""
