"""Compare the order of versions with libapt's, the reference that dpkg and apt share."""

from __future__ import annotations

import itertools
import pathlib
import random
import re
import subprocess

import pytest

from secmon.core.versions import dpkg_key

PYTHON = "/usr/bin/python3"
ORACLE = """
import apt_pkg, sys
apt_pkg.init()
for line in sys.stdin:
    left, right = line.split()
    order = apt_pkg.version_compare(left, right)
    print((order > 0) - (order < 0))
"""


def ask_libapt(pairs: list[tuple[str, str]]) -> list[int]:
    text = "".join(f"{left} {right}\n" for left, right in pairs)
    done = subprocess.run([PYTHON, "-c", ORACLE], input=text, capture_output=True, text=True, check=False)
    if "No module named 'apt_pkg'" in done.stderr or not pathlib.Path(PYTHON).exists():
        pytest.skip("needs python3-apt")
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.split()]


def order(left: str, right: str) -> int:
    return (dpkg_key(left) > dpkg_key(right)) - (dpkg_key(left) < dpkg_key(right))


def wrong(pairs: list[tuple[str, str]]) -> list[tuple[str, str, int]]:
    expected = ask_libapt(pairs)
    return [
        (left, right, said)
        for (left, right), said in zip(pairs, expected, strict=True)
        if order(left, right) != said
    ]


def synthetic(choose: random.Random) -> str:
    """A short version of few characters: it meets its like often, with zeros, tildes, epochs and revisions."""
    while True:
        body = "".join(choose.choices("0012.+~~-aZ9", k=choose.randint(1, 8)))
        version = choose.choice(["", "", "", "0:", "00:", "1:", "10:"]) + body
        try:
            dpkg_key(version)
        except ValueError:
            continue
        return version


def test_100_000_synthetic_pairs():
    choose = random.Random(20261123)
    pairs = [(synthetic(choose), synthetic(choose)) for _ in range(100_000)]
    assert wrong(pairs) == []
    assert sum(order(*pair) == 0 for pair in pairs) > 100  # equal ones are among them


def test_every_version_of_the_archives():
    """Each real version against its neighbours of the same spelling, and against others at random."""
    listed = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True, check=False)
    found = sorted(set(re.findall(r"(?m)^Version: (.*)$", listed.stdout)))
    if len(found) < 1000:
        pytest.skip("needs apt with package lists (apt-get update)")
    choose = random.Random(0)
    pairs = list(itertools.pairwise(found)) + [(v, choose.choice(found)) for v in found for _ in range(3)]
    assert wrong(pairs) == []
