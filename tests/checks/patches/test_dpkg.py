from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.checks.patches.dpkg import Package, parse_status

STATUS = b"""\
Package: dpkg
Status: install ok installed
Architecture: amd64
Version: 1.21.22

Package: libc6
Status: hold ok installed
Architecture: i386
Multi-Arch: same
Version: 2.36-9

Package: tzdata
Status: install ok installed
Architecture: all
Version: 2024a-0

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0

Package: never
Status: purge ok not-installed
Architecture: amd64

Package: broken
Status: install reinstreq half-installed
Architecture: amd64
Version: 3
"""


def test_what_is_installed():
    installed = parse_status([STATUS])
    assert installed.native == "amd64"
    assert installed.packages == (
        Package("dpkg", "amd64", "1.21.22"),
        Package("libc6", "i386", "2.36-9", held=True),
        Package("tzdata", "all", "2024a-0"),
        Package("broken", "amd64", "3", configured=False),
    )


def test_names_and_architectures():
    installed = parse_status([STATUS])
    assert [installed.label(package) for package in installed.packages] == [
        "dpkg",
        "libc6:i386",
        "tzdata",
        "broken",
    ]
    assert installed.find("libc6") is None
    assert installed.find("tzdata") == Package("tzdata", "all", "2024a-0")
    assert (
        installed.key("tzdata", "all") == installed.key("tzdata", "amd64") != installed.key("tzdata", "i386")
    )


@pytest.mark.parametrize(
    "data", [b"", b"\n\n\n", b"root:*:19000:0:99999:7:::\n", b"\x7fELF" + bytes(500), STATUS[90:100]]
)
def test_what_is_no_status_file(data: bytes):
    with pytest.raises(ValueError, match="names no installed package"):
        parse_status([data])


def test_a_root_without_dpkg_has_no_native_architecture():
    assert parse_status([STATUS[STATUS.index(b"Package: libc6") :]]).native == ""


@given(st.binary(max_size=300), st.integers(0, len(STATUS)))
def test_any_bytes_are_packages_or_a_value_error(noise: bytes, place: int):
    with contextlib.suppress(ValueError):
        for package in parse_status([STATUS[:place] + noise + STATUS[place:]]).packages:
            assert package.name
            assert package.version
