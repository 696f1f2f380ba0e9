from __future__ import annotations

import pytest

from secmon.checks.patches.archive import Index, Release
from secmon.checks.patches.dpkg import Installed, Package
from secmon.checks.patches.pins import Pin, Source
from secmon.checks.patches.policy import Offers, Pending, Update, find_updates


def source(name: str, **release: object) -> Source:
    return Source(Index(name, "", "example.org", "main", "amd64", ""), Release(**release))


MAIN = source("main", origin="Debian", label="Debian", suite="stable", codename="trixie")
SECURITY = source("security", origin="Debian", label="Debian-Security", suite="stable-security")
BACKPORTS = source("backports", label="Backports", suite="b", not_automatic=True, but_automatic_upgrades=True)
EXPERIMENTAL = source("experimental", label="Debian", suite="experimental", not_automatic=True)


def stanza(name: str, version: str, architecture: str = "amd64") -> bytes:
    return f"Package: {name}\nVersion: {version}\nArchitecture: {architecture}\n\n".encode()


def find(
    installed: str, *offered: tuple[Source, str], pins: tuple[Pin, ...] = (), held: bool = False
) -> Pending:
    offers = Offers(Installed((Package("p", "amd64", installed, held=held),), "amd64"))
    for where, version in offered:
        offers.add(where, [stanza("p", version), stanza("other", "9")])
    return find_updates(offers, pins)


def update(candidate: str, **values: object) -> Pending:
    usual = {
        "package": "p",
        "installed": "1",
        "security": False,
        "source": "Debian/stable",
        "held": False,
        "pinned": False,
    }
    return Pending((Update(candidate=candidate, **(usual | values)),), ())


def test_nothing_newer():
    assert find("1") == find("1", (MAIN, "1")) == find("2", (MAIN, "1")) == Pending((), ())
    assert find("1.0", (MAIN, "0:1.00-0")) == Pending((), ())


def test_an_ordinary_and_a_security_update():
    assert find("1", (MAIN, "2")) == update("2")
    assert find("1", (SECURITY, "2")) == update("2", security=True, source="Debian-Security/stable-security")


def test_a_security_update_that_a_later_version_includes():
    assert find("1", (SECURITY, "2"), (MAIN, "3")) == update("3", security=True)


def test_a_version_in_both_archives_is_told_by_the_security_archive():
    assert find("1", (MAIN, "2"), (SECURITY, "2")) == update(
        "2", security=True, source="Debian-Security/stable-security"
    )


def test_an_old_security_update_that_is_installed():
    assert find("2", (SECURITY, "2"), (MAIN, "3")) == update("3", installed="2")


def test_backports_are_no_updates_for_what_did_not_come_from_them():
    assert find("1", (MAIN, "1"), (BACKPORTS, "2")) == Pending((), ())
    assert find("1", (MAIN, "1"), (EXPERIMENTAL, "2")) == Pending((), ())
    assert find("1~bpo", (MAIN, "0"), (BACKPORTS, "1")) == update(
        "1", installed="1~bpo", source="Backports/b"
    )
    assert find("1", (EXPERIMENTAL, "2")) == Pending((), ())


def test_a_hold_is_told_not_obeyed():
    assert find("1", (SECURITY, "2"), held=True).updates[0].held


def test_a_pin_can_hide_an_ordinary_update_but_no_security_update():
    away = (Pin(("p",), "release", "o=Debian", -1),)
    assert find("1", (MAIN, "2"), pins=away) == Pending((), ())
    assert find("1", (SECURITY, "2"), (SECURITY, "3"), pins=away) == update(
        "3", security=True, source="Debian-Security/stable-security", pinned=True
    )
    kept = (Pin(("p",), "version", "1", 1000),)
    assert find("1", (SECURITY, "2"), pins=kept).updates[0].pinned


def test_the_first_record_that_names_the_package_wins_over_general_ones():
    pins = (
        Pin(("*",), "release", "a=stable", -1),
        Pin(("p*",), "release", "a=stable", 500),
        Pin(("p",), "version", "*", -1),
    )
    assert find("1", (MAIN, "2"), pins=pins) == update("2")
    assert find("1", (MAIN, "2"), pins=pins[:1]) == Pending((), ())


def test_a_downgrade_is_no_update():
    pins = (Pin(("*",), "release", "a=stable", 1001),)
    assert find("2", (MAIN, "1"), (BACKPORTS, "3"), pins=pins) == Pending((), ())


def test_architectures():
    installed = Installed(
        (
            Package("p", "i386", "1"),
            Package("p", "amd64", "1"),
            Package("q", "all", "1"),
            Package("r", "amd64", "1"),
        ),
        "amd64",
    )
    offers = Offers(installed)
    offers.add(
        MAIN,
        [
            stanza("p", "2", "i386")
            + stanza("q", "2", "all")
            + stanza("r", "2", "all")
            + stanza("r", "3", "i386")
        ],
    )
    assert [(item.package, item.candidate) for item in find_updates(offers, ()).updates] == [
        ("p:i386", "2"),
        ("q", "2"),
        ("r", "2"),
    ]


def test_versions_that_are_none():
    assert find("1", (MAIN, "2_x"), (MAIN, "2")) == update("2")
    assert find("1_x", (MAIN, "2")) == Pending((), ("p",))
    assert find("1_x", (MAIN, "1_x")) == Pending((), ())


def test_the_index_says_how_many_packages_it_has():
    offers = Offers(Installed((Package("p", "amd64", "1"),), "amd64"))
    assert offers.add(MAIN, [b"\n" + stanza("p", "1") + b"\n", stanza("q", "1")]) == 2
    assert offers.add(MAIN, []) == 0


@pytest.mark.parametrize(
    "data", [b"hello", b"\x00\x01", b"<html>\n\n</html>", stanza("p", "1") + b"half a st"]
)
def test_what_is_no_index(data: bytes):
    with pytest.raises(ValueError, match="without a package"):
        Offers(Installed((Package("p", "amd64", "1"),), "amd64")).add(MAIN, [data])
