from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.checks.patches.aptconf import is_on, parse_options
from secmon.checks.patches.eol import EOL_DAYS, eol_timestamp, parse_distro_info
from secmon.checks.patches.osrelease import OsRelease, parse_os_release

CONF = b"""\
// DO NOT EDIT!  APT::Periodic::Enable "0";
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1"; # once a day
/* APT::Periodic::Enable "0"; */
APT { Periodic { RandomSleep 1800; }; Never { "a"; "b"; } };
Acquire::http::Proxy "http://proxy.example.org:3128/";
DPkg::Post-Invoke {"/bin/echo {;} > /dev/null";};
apt::default-release "stable";
"""


def test_options():
    assert parse_options(CONF) == {
        "apt::periodic::update-package-lists": "1",
        "apt::periodic::unattended-upgrade": "1",
        "apt::periodic::randomsleep": "1800",
        "acquire::http::proxy": "http://proxy.example.org:3128/",
        "apt::default-release": "stable",
    }


def test_a_later_setting_wins():
    assert parse_options(b'A::B "1"; a::b "2";') == {"a::b": "2"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", True), ("7d", True), ("always", True), ("0", False), ("false", False), ("", False)],
)
def test_on_or_off(value: str, expected: bool):
    assert is_on({"a": value}, "a", default=not expected) is expected
    assert is_on({}, "a", default=expected) is expected


def test_broken_configuration_ends():
    with pytest.raises(ValueError, match="nested"):
        parse_options(b"a{" * 100)
    assert parse_options(b'a "b') == {}
    assert parse_options(b"}}}}; A 1;") == {"a": "1"}


@pytest.mark.parametrize("piece", [b"/*", b'"', b"/", b"#", b"a/", b"\\", b"a/*"])
def test_reading_stays_linear(piece: bytes):
    """A quadratic reader would take hours here."""
    assert all(parse_options(piece * (250_000 // len(piece))))


@given(st.binary(max_size=300))
def test_any_bytes_are_options(data: bytes):
    with contextlib.suppress(ValueError):
        assert all(parse_options(data))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n', OsRelease("debian", "12", "bookworm")),
        (b"ID='ubuntu'\nVERSION_ID='24.04'\n# ID=x\n", OsRelease("ubuntu", "24.04", None)),
        (b'ID=debian\nPRETTY_NAME="a \\"b\\""\nVERSION_CODENAME=sid', OsRelease("debian", None, "sid")),
        (b"", OsRelease("linux", None, None)),
        (b"\xff\xfe=1\nID=\nVERSION_ID=\n", OsRelease("linux", None, None)),
        (b'ID="a\\$b"\n', OsRelease("a$b", None, None)),
    ],
)
def test_os_release(text: bytes, expected: OsRelease):
    assert parse_os_release(text) == expected


@given(st.binary(max_size=200))
def test_any_bytes_are_an_os_release(data: bytes):
    assert parse_os_release(data).id


def test_end_of_life_is_the_end_of_the_last_day():
    assert eol_timestamp("debian", "11", {}) == datetime(2026, 9, 1, tzinfo=UTC).timestamp()


def test_a_newer_table_goes_first():
    table = parse_distro_info(
        b"version,codename,series,created,release,eol,eol-lts,eol-elts\n"
        b"12,Bookworm,bookworm,2021-08-14,2023-06-10,2026-07-11,2028-12-31,2033-06-30\n"
        b"14,Forky,forky,2025-08-09\n,Sid,sid,1993-08-16\nodd\n\n",
        ("eol-lts", "eol"),
    )
    assert table == {"12": "2028-12-31"}
    assert eol_timestamp("debian", "12", table) == datetime(2029, 1, 1, tzinfo=UTC).timestamp()
    assert eol_timestamp("debian", "13", table) == eol_timestamp("debian", "13", {})


def test_long_term_releases_of_ubuntu():
    head = b"version,codename,series,created,release,eol,eol-server,eol-esm\n"
    table = parse_distro_info(
        head + b"24.04 LTS,Noble,noble,2023-10-12,2024-04-25,2029-05-31,2029-05-30,2034-04-25\n",
        ("eol-server", "eol"),
    )
    assert table == {"24.04": "2029-05-30"}


def test_what_has_no_known_end():
    assert eol_timestamp("debian", None, {}) is None
    assert eol_timestamp("linuxmint", "22", {}) is None
    assert eol_timestamp("debian", "12", {"12": "soon"}) is None
    assert eol_timestamp("debian", "12", {"12": "9999-12-31"}) is None
    assert parse_distro_info(b"", ("eol",)) == {}


def test_the_built_in_table_is_well_formed():
    assert all(eol_timestamp(*release, {}) for release in EOL_DAYS)
