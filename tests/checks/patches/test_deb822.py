from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.checks.patches import deb822

TWO = b"Package: a\nVersion: 1\nDescription: x\n Version: 9\n\nPackage: b\nVersion: 2\n"


@given(st.lists(st.integers(0, len(TWO)), max_size=5))
def test_chunks_of_any_size_give_the_same_stanzas(cuts: list[int]):
    edges = [0, *sorted(cuts), len(TWO)]
    chunks = [TWO[start:end] for start, end in itertools.pairwise(edges)]
    found = [stanza for stanza in deb822.stanzas(chunks) if stanza.strip()]
    assert [deb822.first_field(stanza, b"Package") for stanza in found] == [b"a", b"b"]
    assert [deb822.field(stanza, b"Version") for stanza in found] == [b"1", b"2"]


def test_fields():
    stanza = b"Package: a\npackage: b\nVERSION:\t1 \nEmpty:\nLast: end"
    assert deb822.field(stanza, b"Package") == b"a"
    assert deb822.field(stanza, b"Version") == b"1"
    assert deb822.field(stanza, b"Empty") == b""
    assert deb822.field(stanza, b"Last") == b"end"
    assert deb822.field(stanza, b"Absent") == b""
    assert deb822.first_field(b"Source: s\nPackage: a\n", b"Package") == b"a"
    assert deb822.first_field(b"Package: a", b"Package") == b"a"


def test_a_continuation_line_is_no_field():
    assert deb822.field(b"Package: a\nDescription: x\n Version: 9\n", b"Version") == b""


def test_a_stanza_without_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(deb822, "STANZA_LIMIT", 100)
    with pytest.raises(ValueError, match="longer than 100 bytes"):
        list(deb822.stanzas([b"x" * 60, b"x" * 60, b"\n\n"]))
