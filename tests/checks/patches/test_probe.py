from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secmon.checks.patches import CHECK
from secmon.checks.patches.probe import indexes
from secmon.core.model import Completeness, Fact, Reason
from tests.checks.patches.roots import (
    FILES,
    LISTS,
    MAIN_INDEX,
    NOW,
    SECURITY,
    SECURITY_DATE,
    SECURITY_INDEX,
    SECURITY_RELEASE,
    STATUS,
    look,
    write,
)

if TYPE_CHECKING:
    import pathlib

OPENSSL = Fact(
    "update",
    {
        "package": "openssl",
        "installed": "3.0.15-1~deb12u1",
        "candidate": "3.0.17-1~deb12u3",
        "security": True,
        "source": "Debian-Security/oldstable-security",
        "held": True,
        "pinned": False,
    },
)
BASH = Fact(
    "update",
    {
        "package": "bash",
        "installed": "5.2.15-2+b8",
        "candidate": "5.2.15-2+b13",
        "security": False,
        "source": "Debian/oldstable",
        "held": False,
        "pinned": False,
    },
)
AUTO = {
    "var/lib/dpkg/status": STATUS
    + "\nPackage: unattended-upgrades\nStatus: install ok installed\nArchitecture: all\nVersion: 2.9\n"
    + "\nPackage: systemd-sysv\nStatus: install ok installed\nArchitecture: amd64\nVersion: 252\n",
    "etc/apt/apt.conf.d/20auto-upgrades": 'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n',
    "etc/systemd/system/timers.target.wants/apt-daily-upgrade.timer": "[Timer]\n",
}


def test_a_root(tmp_path: pathlib.Path):
    told, (seen,) = look(write(tmp_path))
    assert told.canaries == [(None, "")]
    assert (seen.completeness, seen.reason, seen.detail) == (Completeness.OK, None, "")
    assert seen.looked == {"host": None, "update": None}
    host, *updates = seen.facts
    assert updates == [BASH, OPENSSL]
    assert host == Fact(
        "host",
        {
            "os_id": "debian",
            "os_version": "12",
            "os_codename": "bookworm",
            "eol_date": 1846022400.0,
            "kernel_newest": "6.1.0-40-amd64",
            "pending_updates": 2,
            "pending_security": 1,
            "security_index_timestamp": 1795413600.0,
            "auto_updates": False,
            "package_count": 4,
        },
        {
            "kernel_running": Reason.NO_DATA,
            "kernel_stale": Reason.NO_DATA,
            "reboot_required": Reason.NO_DATA,
            "time_synchronised": Reason.NO_DATA,
        },
    )


def test_facts_name_declared_fields_only(tmp_path: pathlib.Path):
    _, (seen,) = look(write(tmp_path))
    derived = {"days_to_eol", "security_index_age_days"}
    for fact in seen.facts:
        kind = CHECK.kind(fact.kind)
        assert kind is not None
        assert {field.name for field in kind.fields} - derived == set(fact.values) | set(fact.missing)
        assert not set(fact.values) & set(fact.missing)


def test_nothing_pending(tmp_path: pathlib.Path):
    _, (seen,) = look(write(tmp_path, {MAIN_INDEX: "", SECURITY_INDEX: ""}))
    assert seen.completeness is Completeness.OK
    assert [seen.facts[0].values[name] for name in ("pending_updates", "pending_security")] == [0, 0]


def test_no_security_index_is_no_zero(tmp_path: pathlib.Path):
    _, (seen,) = look(write(tmp_path, {SECURITY_INDEX: None}))
    assert seen.looked == {"host": None, "update": Reason.NO_DATA}
    assert (seen.completeness, seen.reason) == (Completeness.PARTIAL, Reason.NO_DATA)
    assert "no index of a security archive" in seen.detail
    host, *updates = seen.facts
    assert updates == [BASH]
    missing = {"pending_updates", "pending_security", "security_index_timestamp"}
    assert {name for name, reason in host.missing.items() if reason is Reason.NO_DATA} >= missing


@pytest.mark.parametrize(
    ("release", "now"),
    [
        (SECURITY_RELEASE, NOW + 7 * 86400),
        (SECURITY_RELEASE.replace("Valid-Until", "X"), NOW + 14 * 86400),
        (SECURITY_RELEASE.replace("Date:", "X:").replace("Valid-Until", "X"), NOW),
    ],
    ids=["past its own validity", "older than two weeks", "without a date"],
)
def test_a_stale_index_hides_what_is_pending_but_not_what_it_shows(
    tmp_path: pathlib.Path, release: str, now: float
):
    _, (seen,) = look(write(tmp_path, {SECURITY_DATE: release}), now=now)
    assert seen.looked == {"host": None, "update": Reason.STALE_DATA}
    assert OPENSSL in seen.facts
    assert seen.facts[0].missing["pending_security"] is Reason.STALE_DATA


@pytest.mark.parametrize(
    ("extension", "compress"), [("gz", gzip.compress), ("xz", lzma.compress), ("bz2", bz2.compress)]
)
def test_compressed_indexes(tmp_path: pathlib.Path, extension: str, compress):
    packed = compress(SECURITY.encode())
    _, (seen,) = look(write(tmp_path, {SECURITY_INDEX: None, f"{SECURITY_INDEX}.{extension}": packed}))
    assert OPENSSL in seen.facts
    assert seen.completeness is Completeness.OK
    write(tmp_path, {SECURITY_INDEX: None, f"{SECURITY_INDEX}.{extension}": packed[:-6]})
    _, (seen,) = look(tmp_path)
    assert seen.looked["update"] is Reason.BAD_DATA
    assert f"{SECURITY_INDEX}.{extension} is damaged" in seen.detail


@pytest.fixture(scope="module")
def lz4_frame():
    """SECURITY in an LZ4 frame of the reference tool."""
    if shutil.which("lz4") is None or indexes.load_lz4() is None:
        pytest.skip("needs lz4")
    text = (
        SECURITY
        + "\n"
        + "".join(f"Package: p{n}\nVersion: {n}\nArchitecture: all\n\n" for n in range(100_000))
    ).encode()
    return subprocess.run(["lz4", "-c", "-"], input=text, capture_output=True, check=True).stdout, text


def test_lz4_indexes(tmp_path: pathlib.Path, lz4_frame):
    packed, text = lz4_frame
    (tmp_path / "x").write_bytes(packed)
    fd = os.open(tmp_path / "x", os.O_RDONLY)
    assert b"".join(indexes.read_pieces(fd, "x", "lz4", indexes.load_lz4())) == text
    for broken in (packed[:-6], packed[:1000], b"", packed[:50_000] + b"x" * 100 + packed[50_100:], b"hello"):
        write(tmp_path, {SECURITY_INDEX: None, SECURITY_INDEX + ".lz4": broken})
        _, (seen,) = look(tmp_path)
        assert seen.looked["update"] is Reason.BAD_DATA, broken[:10]


def test_a_compression_that_cannot_be_read(tmp_path: pathlib.Path):
    _, (seen,) = look(write(tmp_path, {SECURITY_INDEX: None, SECURITY_INDEX + ".zst": b"x"}))
    assert seen.looked["update"] is Reason.UNSUPPORTED
    assert "Packages.zst cannot be read" in seen.detail


def test_a_bomb(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(indexes, "INDEX_LIMIT", 1 << 20)
    bomb = gzip.compress(b"Package: a\n\n" * 1_000_000)
    _, (seen,) = look(write(tmp_path, {SECURITY_INDEX: None, SECURITY_INDEX + ".gz": bomb}))
    assert seen.looked["update"] is Reason.RESOURCE_LIMIT


def test_a_foreign_architecture_without_a_security_index(tmp_path: pathlib.Path):
    foreign = STATUS + "\nPackage: libc6\nStatus: install ok installed\nArchitecture: i386\nVersion: 2.36-9\n"
    _, (seen,) = look(write(tmp_path, {"var/lib/dpkg/status": foreign}))
    assert seen.looked["update"] is Reason.NO_DATA
    assert "no security index for i386" in seen.detail
    index = SECURITY.replace("openssl", "libc6").replace("amd64", "i386")
    write(tmp_path, {"var/lib/dpkg/status": foreign, SECURITY_INDEX.replace("amd64", "i386"): index})
    _, (seen,) = look(tmp_path)
    assert seen.completeness is Completeness.OK
    assert [fact.values["package"] for fact in seen.facts[1:]] == ["bash", "libc6:i386", "openssl"]


def test_one_bad_index_leaves_the_other(tmp_path: pathlib.Path):
    _, (seen,) = look(write(tmp_path, {MAIN_INDEX: "<html>captive portal</html>"}))
    assert seen.looked["update"] is Reason.BAD_DATA
    assert seen.facts[1:] == [OPENSSL]
    assert "Packages cannot be understood" in seen.detail


def test_a_root_without_dpkg(tmp_path: pathlib.Path):
    told, (seen,) = look(tmp_path)
    assert told.canaries == []
    assert (seen.completeness, seen.reason) == (Completeness.FAILED, Reason.UNSUPPORTED)
    assert (
        seen.detail
        == f"no dpkg database at {tmp_path}/var/lib/dpkg/status; only Debian and Ubuntu roots are understood"
    )
    assert seen.looked == {"host": Reason.UNSUPPORTED, "update": Reason.UNSUPPORTED}
    assert seen.facts == []


def test_a_status_that_leads_out_of_the_root(tmp_path: pathlib.Path):
    """A link to /etc/shadow is looked up inside the root."""
    root = write(tmp_path / "root", {"var/lib/dpkg/status": None})
    (root / "var/lib/dpkg").mkdir()
    (root / "var/lib/dpkg/status").symlink_to("/etc/shadow")
    _, (seen,) = look(root)
    assert (seen.completeness, seen.reason) == (Completeness.FAILED, Reason.UNSUPPORTED)
    (root / "etc/shadow").write_text("root:*:19000:0:99999:7:::\n")
    _, (seen,) = look(root)
    assert (seen.completeness, seen.reason) == (Completeness.FAILED, Reason.BAD_DATA)
    assert seen.detail == f"{root}/var/lib/dpkg/status cannot be understood: it names no installed package"


def test_fifos_do_not_hang(tmp_path: pathlib.Path):
    root = write(tmp_path, {"var/lib/dpkg/status": None, SECURITY_INDEX: None})
    os.mkfifo(root / SECURITY_INDEX)
    (root / "var/lib/dpkg").mkdir()
    os.mkfifo(root / "var/lib/dpkg/status")
    _, (seen,) = look(root)
    assert (seen.completeness, seen.reason) == (Completeness.FAILED, Reason.BAD_DATA)
    assert seen.detail == f"{root}/var/lib/dpkg/status is a FIFO, not a regular file"
    os.unlink(root / "var/lib/dpkg/status")
    (root / "var/lib/dpkg/status").write_text(STATUS)
    _, (seen,) = look(root)
    assert (seen.completeness, seen.looked["update"]) == (Completeness.PARTIAL, Reason.BAD_DATA)
    assert "is a FIFO" in seen.detail


def test_a_database_without_dpkg_itself_fails_the_canary(tmp_path: pathlib.Path):
    told, (seen,) = look(
        write(tmp_path, {"var/lib/dpkg/status": STATUS.replace("Package: dpkg\n", "Package: dpkg2\n")})
    )
    assert [reason for reason, _ in told.canaries] == [Reason.BAD_DATA]
    assert seen.completeness is Completeness.FAILED


def test_several_roots(tmp_path: pathlib.Path):
    good = write(tmp_path / "good")
    told, seen = look(tmp_path / "nowhere", good)
    assert [item.completeness for item in seen] == [Completeness.FAILED, Completeness.OK]
    assert (seen[0].reason, seen[0].detail) == (Reason.NO_DATA, f"{tmp_path}/nowhere does not exist")
    assert told.canaries == [(None, "")]


def test_too_many_lists(tmp_path: pathlib.Path):
    _, (seen,) = look(write(tmp_path, {f"{LISTS}h{n}_Packages": "" for n in range(501)}))
    assert seen.looked["update"] is Reason.RESOURCE_LIMIT


def test_preferences_and_default_release(tmp_path: pathlib.Path):
    away = "Package: openssl\nPin: release l=Debian-Security\nPin-Priority: -1\n"
    root = write(tmp_path, {"etc/apt/preferences.d/x": away, "etc/apt/preferences.d/y.bak": "not read"})
    _, (seen,) = look(root)
    assert seen.completeness is Completeness.OK
    assert [fact.values["pinned"] for fact in seen.facts[1:]] == [False, True]
    assert [seen.facts[0].values[name] for name in ("pending_updates", "pending_security")] == [1, 1]
    write(root, {"etc/apt/preferences.d/z.pref": away.replace("openssl", "/^open/")})
    _, (seen,) = look(root)
    assert seen.looked["update"] is Reason.UNSUPPORTED
    assert "z.pref has a pin that secmon does not know" in seen.detail


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"etc/apt/apt.conf.d/99": 'APT::Periodic::Enable "0";'}, False),
        ({"etc/apt/apt.conf": 'APT { Periodic { Unattended-Upgrade "0"; }; };'}, False),
        ({"etc/apt/apt.conf.d/99.disabled": 'APT::Periodic::Enable "0";'}, True),
        ({"var/lib/dpkg/status": STATUS}, False),
        ({"etc/systemd/system/timers.target.wants/apt-daily-upgrade.timer": None}, False),
        ({"etc/systemd/system/apt-daily-upgrade.timer": "[Timer]\nOnCalendar=daily\n"}, True),
        ({"etc/apt/apt.conf.d/20auto-upgrades": "a{" * 100}, Reason.BAD_DATA),
    ],
)
def test_automatic_updates(tmp_path: pathlib.Path, change: dict, expected: bool | Reason):
    _, (seen,) = look(write(tmp_path, AUTO | change))
    host = seen.facts[0]
    assert host.values.get("auto_updates", host.missing.get("auto_updates")) is expected


def test_a_masked_timer(tmp_path: pathlib.Path):
    write(tmp_path, AUTO)
    (tmp_path / "etc/systemd/system/apt-daily-upgrade.timer").symlink_to("/dev/null")
    _, (seen,) = look(tmp_path)
    assert seen.facts[0].values["auto_updates"] is False


def test_a_release_that_no_table_knows(tmp_path: pathlib.Path):
    _, (seen,) = look(write(tmp_path, {"etc/os-release": "ID=linuxmint\nVERSION_ID=22\n"}))
    assert seen.facts[0].missing["eol_date"] is Reason.NO_DATA
    _, (seen,) = look(write(tmp_path / "none", {"etc/os-release": None}))
    assert seen.facts[0].missing["os_id"] is Reason.NO_DATA
    assert seen.facts[0].missing["eol_date"] is Reason.NO_DATA


def test_no_descriptor_leaks(tmp_path: pathlib.Path):
    write(tmp_path, AUTO)
    look(tmp_path)
    before = os.listdir("/proc/self/fd")
    look(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == len(before)


@given(name=st.sampled_from(sorted(FILES)), noise=st.binary(max_size=60), place=st.floats(0, 1))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_ends_the_observation_well(tmp_path: pathlib.Path, name: str, noise: bytes, place: float):
    whole = FILES[name].encode()
    cut = int(len(whole) * place)
    root = write(tmp_path, {name: whole[:cut] + noise + whole[cut + 20 :]})
    _, (seen,) = look(root)
    assert seen.completeness is not None
    assert set(seen.looked) == {"host", "update"}
    if seen.completeness is Completeness.OK:
        assert not any(seen.looked.values())
        assert seen.facts[0].kind == "host"
