from __future__ import annotations

from argparse import ArgumentTypeError

import pytest

from secmon.cli.convert import duration, level, ports, rate


@pytest.mark.parametrize(
    ("text", "seconds"), [("10", 10), ("10s", 10), ("5m", 300), ("2h", 7200), ("1d", 86400), ("007", 7)]
)
def test_durations(text, seconds):
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "0", "0s", "s", "1.5", "-1", "5x", "1h30m", "2d", "9" * 5000, "٣", "1 s", "5ms"]
)
def test_bad_durations_say_what_would_be_right(text):
    with pytest.raises(ArgumentTypeError, match="give "):
        duration(text)


@pytest.mark.parametrize("text", ["top", "all", "22", "1-65535", "22,80,8000-8100", "443,443", "5-5"])
def test_ports(text):
    assert ports(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "0", "65536", "22,", ",22", "5-2", "a", "1-", "-1", "22 80", "TOP", "1-2-3", "٢٢", "9" * 5000],
)
def test_bad_ports_say_what_would_be_right(text):
    with pytest.raises(ArgumentTypeError, match="give "):
        ports(text)


def test_levels_and_rates():
    assert (level("1"), level("5"), rate("1"), rate("100000")) == (1, 5, 1, 100000)


@pytest.mark.parametrize(
    ("convert", "text"), [(level, "0"), (level, "6"), (level, "two"), (rate, "0"), (rate, "-5")]
)
def test_numbers_out_of_bounds_say_what_would_be_right(convert, text):
    with pytest.raises(ArgumentTypeError, match="give a whole number"):
        convert(text)
