"""Certificate files: what is read, what is skipped, and what is told of the rest."""

from __future__ import annotations

import os
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from secmon.checks.tls.probe import files, walk
from secmon.core.contract import Task
from secmon.core.model import Completeness, Form, Reason, Target
from tests.checks.tls.ca import authority, issue
from tests.support import Collector

ROOT, ISSUING = authority()
LEAF = issue("leaf", ISSUING, names=["www.example.vn"])
OTHER = issue("other", ISSUING, names=["b.example.vn"])


def look(path):
    target = Target("a", "tls", Form.FILE, f"file:{path}", options={"path": str(path)})
    collector = Collector()
    task = Task("tls", "files", (target,), {"trust": (), "timeout": 5}, (), (), 60, time.time())
    files.observe(files.acquire(task), collector)
    assert collector.canaries == [(None, "")]
    seen = collector.seen[target.text]
    assert set(seen.looked) == {"certificate"}
    return seen


def places(seen):
    return [(fact.values["place"], fact.values["index"], fact.values["subject"]) for fact in seen.facts]


def test_a_file_with_key_and_chain(tmp_path):
    path = tmp_path / "haproxy.any-name"
    path.write_bytes(b"comment\n" + LEAF.key_pem + LEAF.pem + ISSUING.pem)
    seen = look(path)
    assert seen.completeness is Completeness.OK
    assert places(seen) == [(str(path), 0, "CN=leaf"), (str(path), 1, "CN=Test Issuing CA")]
    assert {fact.values["source"] for fact in seen.facts} == {"file"}
    key = LEAF.key_pem.decode().splitlines()[1]
    assert key not in repr(seen)


def test_der(tmp_path):
    (tmp_path / "a.cer").write_bytes(LEAF.der)
    assert places(look(tmp_path / "a.cer")) == [(str(tmp_path / "a.cer"), 0, "CN=leaf")]


def test_a_folder_is_walked_in_order_and_by_suffix(tmp_path):
    (tmp_path / "b.crt").write_bytes(LEAF.pem)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.pem").write_bytes(OTHER.pem)
    (tmp_path / "notes.txt").write_bytes(OTHER.pem)
    (tmp_path / "only.pem").write_bytes(LEAF.key_pem)
    seen = look(tmp_path)
    assert seen.completeness is Completeness.OK
    assert [place for place, _, _ in places(seen)] == [f"{tmp_path}/b.crt", f"{tmp_path}/sub/a.pem"]


def test_one_certificate_in_two_files_of_a_folder_is_told_once(tmp_path):
    (tmp_path / "cert.pem").write_bytes(LEAF.pem)
    (tmp_path / "fullchain.pem").write_bytes(LEAF.pem + ISSUING.pem)
    assert places(look(tmp_path)) == [
        (f"{tmp_path}/cert.pem", 0, "CN=leaf"),
        (f"{tmp_path}/fullchain.pem", 1, "CN=Test Issuing CA"),
    ]


def test_malformed_certificates_do_not_hide_good_ones(tmp_path):
    (tmp_path / "a.pem").write_bytes(LEAF.pem.replace(b"MII", b"M**", 1) + OTHER.pem + LEAF.pem[:200])
    (tmp_path / "b.crt").write_bytes(LEAF.der[:-30])
    seen = look(tmp_path)
    assert seen.looked == {"certificate": Reason.BAD_DATA}
    assert seen.completeness is Completeness.PARTIAL
    assert places(seen) == [(f"{tmp_path}/a.pem", 1, "CN=other")]
    assert f"{tmp_path}/a.pem: certificate 0" in seen.detail
    assert seen.detail.endswith("And 2 more.")


@pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN CERTIFICATE-----", b"\x30\x82"])
def test_a_named_file_without_certificates(tmp_path, content):
    path = tmp_path / "x.pem"
    path.write_bytes(content)
    seen = look(path)
    assert (seen.completeness, seen.reason, seen.facts) == (Completeness.FAILED, Reason.BAD_DATA, [])
    assert str(path) in seen.detail


def test_absent_file(tmp_path):
    seen = look(tmp_path / "absent.pem")
    assert (seen.completeness, seen.reason) == (Completeness.FAILED, Reason.NO_DATA)
    assert "absent.pem does not exist" in seen.detail


def test_an_empty_folder_is_complete(tmp_path):
    seen = look(tmp_path)
    assert (seen.completeness, seen.looked, seen.facts) == (Completeness.OK, {"certificate": None}, [])


def test_fifo_and_device_never_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.pem")
    (tmp_path / "zero.crt").symlink_to("/dev/zero")
    (tmp_path / "good.pem").write_bytes(LEAF.pem)
    seen = look(tmp_path)
    assert len(seen.facts) == 1
    assert seen.completeness is Completeness.PARTIAL
    assert "pipe.pem is a FIFO" in seen.detail
    assert look(tmp_path / "pipe.pem").reason is Reason.BAD_DATA
    assert look("/dev/zero").reason is Reason.BAD_DATA


def test_links_stay_inside_the_folder(tmp_path):
    outside = tmp_path / "outside.pem"
    outside.write_bytes(OTHER.pem)
    folder = tmp_path / "folder"
    (folder / "real").mkdir(parents=True)
    (folder / "real" / "a.pem").write_bytes(LEAF.pem)
    (folder / "inside.pem").symlink_to("real/a.pem")
    assert look(folder).completeness is Completeness.OK
    (folder / "out.pem").symlink_to(outside)
    seen = look(folder)
    assert {fact.values["subject"] for fact in seen.facts} == {"CN=leaf"}
    assert seen.looked == {"certificate": Reason.NOT_ALLOWED}
    assert f"{folder}/out.pem" in seen.detail


def test_a_file_that_is_too_large(tmp_path):
    (tmp_path / "big.pem").write_bytes(LEAF.pem + bytes(files.FILE_BYTES))
    (tmp_path / "good.pem").write_bytes(OTHER.pem)
    seen = look(tmp_path)
    assert seen.looked == {"certificate": Reason.RESOURCE_LIMIT}
    assert len(seen.facts) == 1


def test_folders_that_lie_too_deep(tmp_path):
    deep = tmp_path.joinpath(*map(str, range(walk.DEPTH_LIMIT)))
    deep.mkdir(parents=True)
    (deep / "a.pem").write_bytes(LEAF.pem)
    assert look(tmp_path).completeness is Completeness.OK
    (deep / "deeper").mkdir()
    (deep / "deeper" / "b.pem").write_bytes(OTHER.pem)
    seen = look(tmp_path)
    assert seen.looked == {"certificate": Reason.RESOURCE_LIMIT}
    assert len(seen.facts) == 1


def test_too_many_files(tmp_path):
    for number in range(walk.FILES_LIMIT + 3):
        (tmp_path / f"{number:04}.pem").write_bytes(b"")
    (tmp_path / "0999.pem").write_bytes(LEAF.pem)
    (tmp_path / "1000.pem").write_bytes(OTHER.pem)
    seen = look(tmp_path)
    assert seen.looked == {"certificate": Reason.RESOURCE_LIMIT}
    assert places(seen) == [(f"{tmp_path}/0999.pem", 0, "CN=leaf")]
    assert seen.detail == f"{tmp_path}/1000.pem: more than {walk.FILES_LIMIT} certificate files."


def test_terminal_escapes_in_names_do_not_reach_the_detail(tmp_path):
    (tmp_path / "\x1b[31mred.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\n!")
    assert "\x1b" not in look(tmp_path).detail


def test_a_serial_that_is_negative_is_no_warning(tmp_path):
    """cryptography warns of such certificates, and will refuse them one day."""
    der = bytearray(LEAF.der)
    at = der.index(b"\xa0\x03\x02\x01\x02\x02") + 7  # version 3, then the serial's tag, length, first byte
    der[at] |= 0x80
    (tmp_path / "negative.cer").write_bytes(bytes(der))
    seen = look(tmp_path)
    assert len(seen.facts) == 1
    assert seen.facts[0].values["serial"].startswith("-")


def test_a_whole_trust_store(tmp_path):
    bundle = b"".join(issue(f"root {number}", ca=True).pem for number in range(150))
    (tmp_path / "bundle.pem").write_bytes(bundle)
    assert len(look(tmp_path).facts) == 150


def test_facts_are_what_the_certificate_says(tmp_path):
    (tmp_path / "a.pem").write_bytes(LEAF.pem)
    (fact,) = look(tmp_path).facts
    certificate = x509.load_der_x509_certificate(LEAF.x509.public_bytes(Encoding.DER))
    assert fact.missing == {}
    assert fact.values == {
        "place": f"{tmp_path}/a.pem",
        "index": 0,
        "source": "file",
        "subject": "CN=leaf",
        "issuer": "CN=Test Issuing CA",
        "serial": f"{certificate.serial_number:x}",
        "sans": ["www.example.vn"],
        "not_before": certificate.not_valid_before_utc.timestamp(),
        "not_after": certificate.not_valid_after_utc.timestamp(),
        "lifetime_days": 90,
        "key_type": "ec",
        "key_bits": 256,
        "signature": "ecdsa-with-sha256",
        "self_signed": False,
        "ca": False,
        "sha256": LEAF.loaded.sha256,
    }
