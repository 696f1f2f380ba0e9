from __future__ import annotations

import contextlib
import string
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.versions import dpkg_key

# scripts/t/Dpkg_Version.t of dpkg, all 43 pairs.
UPSTREAM = """\
1.0-1 2.0-2 -1
2.2~rc-4 2.2-1 -1
2.2-1 2.2~rc-4 1
1.0000-1 1.0-1 0
1 0:1 0
0 0:0-0 0
2:2.5 1:7.5 1
1:0foo 0foo 1
0:0foo 0foo 0
0foo 0foo 0
0foo-0 0foo 0
0foo 0foo-0 0
0foo 0fo 1
0foo-0 0foo+ -1
0foo~1 0foo -1
0foo~foo+Bar 0foo~foo+bar -1
0foo~~ 0foo~ -1
1~ 1 -1
12345+that-really-is-some-ver-0 12345+that-really-is-some-ver-10 -1
0foo-0 0foo-01 -1
0foo.bar 0foobar 1
0foo.bar 0foo1bar 1
0foo.bar 0foo0bar 1
0foo1bar-1 0foobar-1 -1
0foo2.0 0foo2 1
0foo2.0.0 0foo2.10.0 -1
0foo2.0 0foo2.0.0 -1
0foo2.0 0foo2.10 -1
0foo2.1 0foo2.10 -1
1.09 1.9 0
1.0.8+nmu1 1.0.8 1
3.11 3.10+nmu1 1
0.9j-20080306-4 0.9i-20070324-2 1
1.2.0~b7-1 1.2.0~b6-1 1
1.011-1 1.06-2 1
0.0.9+dfsg1-1 0.0.8+dfsg1-3 1
4.6.99+svn6582-1 4.6.99+svn6496-1 1
53 52 1
0.9.9~pre122-1 0.9.9~pre111-1 1
2:2.3.2-2+lenny2 2:2.3.2-2 1
1:3.8.1-1 3.8.GA-1 1
1.0.1+gpl-1 1.0.1-2 1
1a 1000a -1
"""

# What the vectors of dpkg do not reach: a zero, or no number, followed by a tilde or by something else.
ZEROS = ["1a0~~", "1a0~", "1a0~a", "1a", "1a0a", "1a0+", "1a1~", "1a1", "1a10", "1aa", "1a+"]


def compare(left: str, right: str) -> int:
    left_key, right_key = dpkg_key(left), dpkg_key(right)
    return (left_key > right_key) - (left_key < right_key)


@pytest.mark.parametrize("line", UPSTREAM.splitlines())
def test_vectors_of_dpkg(line: str):
    left, right, order = line.split()
    assert compare(left, right) == int(order)
    assert compare(right, left) == -int(order)


def test_zeros_before_tildes():
    assert sorted(ZEROS, key=dpkg_key) == ZEROS
    assert len({dpkg_key(version) for version in ZEROS}) == len(ZEROS)
    assert dpkg_key("1a0") == dpkg_key("1a") == dpkg_key("1a00-0") == dpkg_key("00:1a")


def test_the_epoch_weighs_most_then_the_upstream_version():
    order = ["9-9", "10-1", "10-10", "1:0", "1:0-1", "2:0:0", "2:0:1", "10:0"]
    assert sorted(set(order), key=dpkg_key) == order


def test_the_last_hyphen_begins_the_revision():
    assert dpkg_key("1-2-3") != dpkg_key("1-2") + dpkg_key("3")
    assert compare("1-2-3", "1-3-1") == -1


def test_a_number_of_any_length():
    nines = "9" * 5000
    assert compare(nines, "1" + "0" * 5000) == -1
    assert compare(nines, "9" * 4999) == 1
    assert compare("9" * 252, "1" + "0" * 252) == -1


@pytest.mark.parametrize(
    "version",
    [
        "",
        " ",
        "1 0",
        "1.0\n",
        "1-",
        "-1",
        "-",
        ":1",
        "1:",
        "a:1",
        "-1:1",
        "1:-1",
        "2147483648:1",
        "9" * 5000 + ":1",
        "1_0",
        "1é",
        "1\0",
        "١:1",
        "1/2",
    ],
)
def test_what_is_no_version(version: str):
    with pytest.raises(ValueError, match="is no Debian version"):
        dpkg_key(version)


@given(st.lists(st.text(string.ascii_letters[:2] + "019.+~", min_size=1, max_size=8), min_size=3, max_size=3))
def test_equal_versions_have_equal_keys_and_no_key_is_a_prefix(versions: list[str]):
    """The keys of the three parts are joined: that is sound only because none is a prefix of another."""
    keys = sorted(dpkg_key(version) for version in versions)
    for left, right in pairwise(keys):
        assert left == right or not right.startswith(left)


@given(st.text(max_size=30))
def test_any_text_is_a_version_or_a_value_error(text: str):
    with contextlib.suppress(ValueError):
        assert isinstance(dpkg_key(text), bytes)
