from __future__ import annotations

import pytest

from secmon.core.patterns import REPETITIONS, dangers


@pytest.mark.parametrize(
    "pattern",
    [
        "^a",
        "(?i)^a",
        r"^OpenSSH_(?P<version>\d[\d.]*)(?P<update>p\d+)?",
        r"^(?:a|b)?c{1,3}[)*+]\(\*",
        r"^[^\]]*\]*x",
        r"^[]a]*b",
        r"^(?:.*,)?O=x",
    ],
)
def test_patterns_that_cannot_take_long(pattern):
    assert dangers(pattern) == []


@pytest.mark.parametrize(
    ("pattern", "word"),
    [
        ("^(a+)+", "inside another"),
        ("^(?:a*b)*", "inside another"),
        ("^(?:(?:a+)b)+", "inside another"),
        ("^(?:a|b+){2,}", "inside another"),
        ("^(?:a+){3}", "inside another"),
        (r"^(a)\1", "refers back"),
        ("^(?P<a>x)(?P=a)", "not allowed"),
        ("^(?=a)", "not allowed"),
        ("^(?<!a)b", "not allowed"),
        ("^" + "a*b" * (REPETITIONS + 1), "repetitions without end"),
    ],
)
def test_patterns_that_could(pattern, word):
    assert any(word in danger for danger in dangers(pattern)), dangers(pattern)
