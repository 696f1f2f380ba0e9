from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from secmon.checks.patches.archive import Index, Release
from secmon.checks.patches.pins import Pin, Source, default_release, parse_preferences

SECURITY = Source(
    Index("x_Packages", "x_InRelease", "deb.debian.org", "main", "amd64", ""),
    Release("Debian", "Debian-Security", "oldstable-security", "bookworm-security", "12"),
)


def test_records():
    pins = parse_preferences(
        b"# a comment\nExplanation: why\nPackage: *\nPin: release o=Debian, n=bookworm*\nPin-Priority: 600\n\n"
        b"# another\n\nPackage: a lib*\n# within\nPin: version 1.2*\nPin-Priority: -1\n\n"
        b'Package: b\nPin: origin "deb.debian.org"\nPin-Priority: never\n\n'
        b"Package: c\nPin: release a=x\nPin-Priority: 0\n"
    )
    assert pins.pins == (
        Pin(("*",), "release", "o=Debian, n=bookworm*", 600),
        Pin(("a", "lib*"), "version", "1.2*", -1),
        Pin(("b",), "origin", '"deb.debian.org"', -32768),
    )
    assert not pins.unknown


def test_what_is_not_understood_is_told():
    for record in (
        b"Package: /^lib/\nPin: release a=x\nPin-Priority: 1\n",
        b"Package: src:linux\nPin: release a=x\nPin-Priority: 1\n",
        b"Package: a\nPin: release a=/x/\nPin-Priority: 1\n",
        b"Package: a\nPin: wish a\nPin-Priority: 1\n",
        b"Package: a\nPin: release a=x\n",
        b"Package: a\nPin: release a=x\nPin-Priority: high\n",
        b"Pin: release a=x\nPin-Priority: 1\n",
        b"hello\n",
    ):
        assert parse_preferences(record).unknown, record
        assert parse_preferences(record).pins == ()
    assert parse_preferences(b"\n# only a comment\n").unknown is False


def test_matching_an_archive():
    expected = {
        "a=oldstable-security": True,
        "a=oldstable": False,
        "n=bookworm*": True,
        "o=Debian, l=Debian-Security,c=main, v=12": True,
        "o=Debian, c=contrib": False,
        "bookworm-security": True,
        "12": True,
        "1": False,
        "b=amd64": True,
        "b=i386": False,
        "a=OLDSTABLE-security,": True,
        "n=bookworm-security o=Debian": False,
        "ignored beside terms, c=main": True,
    }
    assert {data: Pin(("*",), "release", data, 1).matches(SECURITY) for data in expected} == expected
    assert Pin(("*",), "origin", '"deb.debian.org"', 1).matches(SECURITY)
    assert not Pin(("*",), "origin", '""', 1).matches(SECURITY)
    assert not Pin(("*",), "version", "*", 1).matches(SECURITY)
    assert default_release("bookworm-security").matches(SECURITY)


def test_names_and_versions():
    data = {
        "1:2.3-4": True,
        "1:2*": True,
        "2.3*": False,
        "*2.3-4": True,
        "1:2.?-4": True,
        "*2.3*": False,
        "*": True,
    }
    assert {text: Pin(("a",), "version", text, 1).matches_version("1:2.3-4") for text in data} == data
    pin = Pin(("a", "lib*"), "version", "1.2*", 1)
    assert [pin.names(name) for name in ("a", "libc6", "b")] == [True, True, False]
    assert [pin.matches_version(version) for version in ("1.2-1", "1.3")] == [True, False]
    assert Pin(("*",), "version", "1", 1).general
    assert not pin.general


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes):
    with contextlib.suppress(ValueError):
        for pin in parse_preferences(b"Package: " + data).pins:
            pin.matches(SECURITY)
            pin.names("a")
