from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.nearest import distance, nearest, suggest


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("", "", 0),
        ("a", "", 1),
        ("kitten", "sitting", 3),
        ("ab", "ba", 1),
        ("proto", "prot", 1),
        ("ca", "abc", 3),
    ],
)
def test_distance_counts_typing_mistakes(left, right, expected):
    assert distance(left, right) == expected


def test_two_mistakes_are_forgiven_and_three_are_not():
    assert nearest("severty", ["severity", "check"]) == "severity"
    assert nearest("sevrty", ["severity"]) == "severity"
    assert nearest("svrty", ["severity"]) is None


def test_short_words_are_taken_at_their_word():
    assert nearest("udp", ["tcp"]) is None
    assert nearest("tcpp", ["tcp"]) == "tcp"


def test_a_like_beginning_decides_between_equals():
    assert nearest("prot", ["port", "proto"]) == "proto"


def test_hyphen_underscore_and_case_do_not_matter():
    assert nearest("Max_Days", ["max-days"]) == "max-days"


def test_advice_is_one_word_or_the_whole_short_list():
    assert suggest("hihg", ["high", "low"]) == "did you mean high?"
    assert suggest("zebra", ["high", "low"]) == "one of high, low"
    assert suggest("zebra", []) == ""
    assert suggest("zebra", [f"word-{number}" for number in range(100)]) == ""
    assert nearest("a" * 1000, ["a" * 1000]) is None


WORD = st.text("abc", max_size=6)


@given(WORD, WORD)
def test_distance_is_symmetric_and_zero_for_equals_only(left, right):
    assert distance(left, right) == distance(right, left)
    assert (distance(left, right) == 0) == (left == right)
    assert abs(len(left) - len(right)) <= distance(left, right) <= max(len(left), len(right))
