from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.checks.patches.archive import STALE_SECONDS, Index, Release, find_indexes, parse_release

SIGNED = b"""\
-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

Origin: Debian
Label: Debian-Security
Suite: oldstable-security
Version: 12
Codename: bookworm-security
Date: Sat, 21 Nov 2026 00:53:02 UTC
Valid-Until: Sat, 28 Nov 2026 00:53:02 UTC
Description: Debian 12 - Security Updates
SHA256:
 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855        0 contrib/Contents-amd64
-----BEGIN PGP SIGNATURE-----

Label: not signed
-----END PGP SIGNATURE-----
"""
DATE = datetime(2026, 11, 21, 0, 53, 2, tzinfo=UTC).timestamp()


def test_a_signed_release():
    assert parse_release(SIGNED) == Release(
        origin="Debian",
        label="Debian-Security",
        suite="oldstable-security",
        codename="bookworm-security",
        version="12",
        date=DATE,
        valid_until=DATE + 7 * 86400,
    )


def test_text_outside_the_signature_does_not_count():
    assert parse_release(SIGNED.replace(b"Label: Debian-Security\n", b"")).label == ""


def test_dash_escapes():
    escaped = SIGNED.replace(b"\nSuite:", b"\n- Suite:").replace(b"\n\nOrigin", b"\n\n- Origin")
    assert parse_release(escaped) == parse_release(SIGNED)


def test_backports():
    release = parse_release(b"Origin: Debian Backports\nNotAutomatic: yes\nButAutomaticUpgrades: Yes\n")
    assert (release.not_automatic, release.but_automatic_upgrades) == (True, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"Sat, 21 Nov 2026 00:53:02 GMT", DATE),
        (b"Sat, 21 Nov 2026 00:53:02 +0000", DATE),
        (b"Sat, 21 Nov 2026 07:53:02 +0700", DATE),
        (b"Fri, 20 Nov 2026 19:23:02 -0530", DATE),
        (b"Sat, 21 Nov 2026 0:53:02 UTC", DATE),
        (b"Sat, 31 Feb 2026 00:53:02 UTC", None),
        (b"Sat, 21 Nov 2026 25:53:02 UTC", None),
        (b"Sat, 01 Jan 0001 00:00:00 +2300", None),
        (b"2026-11-21", None),
        (b"", None),
    ],
)
def test_dates(text: bytes, expected: float | None):
    assert parse_release(b"Label: x\nDate: " + text + b"\n").date == expected


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"<html></html>", SIGNED[:60], SIGNED[:300]])
def test_what_is_no_release_file(data: bytes):
    with pytest.raises(ValueError, match=r"."):
        parse_release(data)


@given(st.binary(max_size=200), st.integers(0, len(SIGNED)))
def test_any_bytes_are_a_release_or_a_value_error(noise: bytes, place: int):
    with contextlib.suppress(ValueError):
        assert parse_release(SIGNED[:place] + noise + SIGNED[place:])


@pytest.mark.parametrize(
    ("release", "security"),
    [
        (
            Release(
                origin="Debian", label="Debian-Security", suite="stable-security", codename="trixie-security"
            ),
            True,
        ),
        (Release(origin="Debian", label="Debian-Security", suite="oldoldstable", codename="buster"), True),
        (Release(origin="Debian", label="Debian", codename="bookworm-updates"), False),
        (Release(origin="Ubuntu", label="Ubuntu", suite="noble-security", codename="noble"), True),
        (Release(origin="Ubuntu", label="Ubuntu", suite="noble-updates", codename="noble"), False),
        (
            Release(origin="UbuntuESM", label="UbuntuESM", suite="focal-infra-security", codename="focal"),
            True,
        ),
        (Release(origin="Docker", label="Docker CE", suite="bookworm-security"), False),
        (Release(), False),
    ],
)
def test_security_archives(release: Release, security: bool):
    assert release.security is security


def test_an_index_goes_stale():
    dated = Release(date=1000.0)
    assert not dated.stale(1000.0 + STALE_SECONDS)
    assert dated.stale(1001.0 + STALE_SECONDS)
    valid = Release(date=1000.0, valid_until=2000.0)
    assert not valid.stale(2000.0)
    assert valid.stale(2001.0)
    assert Release().stale(0.0)


def test_indexes_and_their_releases():
    names = [
        "deb.debian.org_debian_dists_bookworm_InRelease",
        "deb.debian.org_debian_dists_bookworm_main_binary-amd64_Packages",
        "deb.debian.org_debian_dists_bookworm_main_binary-amd64_Packages.diff_Index",
        "deb.debian.org_debian_dists_bookworm_main_i18n_Translation-en",
        "deb.debian.org_debian_dists_bookworm_main_source_Sources",
        "deb.debian.org_debian_dists_bookworm_updates_Release",
        "deb.debian.org_debian_dists_bookworm_updates_Release.gpg",
        "deb.debian.org_debian_dists_bookworm_updates_main_debian-installer_binary-amd64_Packages.xz",
        "deb.debian.org_debian_dists_bookworm_updates_non-free_binary-all_Packages.lz4",
        "example.org_flat_._InRelease",
        "example.org_flat_._Packages",
        "_media_cdrom_dists_x_main_binary-i386_Packages.gz",
        "lock",
        "partial",
    ]
    head = "deb.debian.org_debian_dists_bookworm_"
    assert find_indexes(names) == (
        Index(
            "_media_cdrom_dists_x_main_binary-i386_Packages.gz",
            "",
            "",
            "_media_cdrom_dists_x_main",
            "i386",
            "gz",
        ),
        Index(head + "main_binary-amd64_Packages", head + "InRelease", "deb.debian.org", "main", "amd64", ""),
        Index(
            head + "updates_main_debian-installer_binary-amd64_Packages.xz",
            head + "updates_Release",
            "deb.debian.org",
            "main_debian-installer",
            "amd64",
            "xz",
        ),
        Index(
            head + "updates_non-free_binary-all_Packages.lz4",
            head + "updates_Release",
            "deb.debian.org",
            "non-free",
            "all",
            "lz4",
        ),
        Index("example.org_flat_._Packages", "example.org_flat_._InRelease", "example.org", "", "", ""),
    )


def test_the_signed_release_is_preferred():
    assert find_indexes(["h_x_InRelease", "h_x_Release", "h_x_Packages"])[0].release == "h_x_InRelease"
