"""Packs and their signatures; tests/lab/test_signing_oracle.py holds the cryptography against ssh-keygen."""

from __future__ import annotations

import sys
from datetime import date

import pytest

from secmon.core.configuration import PathSetting
from secmon.core.contract import Unavailable
from secmon.core.model import Reason
from secmon.core.rule import Place
from secmon.sources.packs import open_pack, read_packs
from secmon.sources.signatures import Refused, Trust, load_verifier, verify
from secmon.sources.signers import read_signers
from tests.core.test_sshsig import FINGERPRINT, RECORDED
from tests.support.rulebook import told
from tests.support.signing import KINDS, make_key, sign_pack

NOW = 1_795_000_000.0
KEY, OTHER = make_key("ssh-ed25519"), make_key("ssh-ed25519")


def trust(text=f"lead@site {KEY.line}\n", serials=None, principal="", now=NOW):
    faults = []
    signers = read_signers(text.encode(), "signers", faults)
    assert faults == []
    return Trust(load_verifier(), signers, "signers", serials or {}, now, principal)


@pytest.fixture
def pack(tmp_path):
    folder = tmp_path / "site"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.yml").write_text("rules: []\n")
    (folder / "sub" / "README").write_text("text")
    sign_pack(folder, KEY, serial=3)
    return folder


def read(folder, use="rules", held_against=None, **more):
    faults = []
    opened = open_pack(PathSetting(str(folder), Place("secmon.yml", 1, 1), "rules.paths[0]"), use, faults)
    (only,) = read_packs([opened], faults, held_against or trust(), **more)
    assert faults == []
    return only, [fault.replace(f"{folder}/", "") for fault in told(only.refused)]


def test_a_signed_pack(pack):
    only, refused = read(pack)
    assert refused == []
    assert (only.name, only.signed.manifest.serial, only.signed.principals) == ("site", 3, ("lead@site",))
    assert [document.value for document in only.documents] == [{"rules": []}]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
def test_every_kind_of_key(kind, hash_name):
    key = make_key(kind)
    held = trust(f"a@b {key.line}\n")
    signature = key.sign(b"message", "secmon-rules", hash_name)
    assert verify(b"message", signature, ("secmon-rules",), held) == ("secmon-rules", ("a@b",))
    with pytest.raises(Refused, match="was altered after it was signed"):
        verify(b"messagE", signature, ("secmon-rules",), held)


def test_short_rsa_keys_are_refused():
    key = make_key("ssh-rsa", bits=1024)
    with pytest.raises(Refused, match="does not fit"):
        verify(b"m", key.sign(b"m", "secmon-rules"), ("secmon-rules",), trust(f"a@b {key.line}\n"))


def test_a_recorded_signature_of_ssh_keygen():
    line = "a@b ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICqFMKX0x05GGSelPw75WDjVNTKFibIxp7R5vpvDPANz\n"
    assert verify(b"hi\n", RECORDED, ("secmon-rules",), trust(line)) == ("secmon-rules", ("a@b",))
    with pytest.raises(Refused, match="it is signed with the key") as refused:
        verify(b"hi\n", RECORDED, ("secmon-rules",), trust())
    assert FINGERPRINT in str(refused.value)


def alter(pack):
    (pack / "a.yml").write_text("rules: [1]\n")


def add(pack):
    (pack / "b.yml").write_text("rules: []\n")


def remove(pack):
    (pack / "sub" / "README").unlink()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda pack: (pack / "MANIFEST").unlink(), "MANIFEST:1:1: the pack is not signed: it has no MANIFEST;"),
        (lambda pack: (pack / "MANIFEST.sig").unlink(), "MANIFEST.sig:1:1: the pack is not signed: it has no MANIFEST.sig;"),
        (lambda pack: (pack / "MANIFEST.sig").write_text("x"), "MANIFEST.sig:1:1: the signature cannot be read: it does not begin"),
        (lambda pack: (pack / "MANIFEST").write_text("x"), "MANIFEST.sig:1:1: the signature does not fit: the MANIFEST was altered"),
        (alter, "a.yml:1:1: the file was altered after the pack was signed"),
        (add, "b.yml:1:1: the file was added after the pack was signed"),
        (remove, "sub/README:1:1: the file was removed after the pack was signed"),
        (lambda pack: sign_pack(pack, OTHER), "MANIFEST.sig:1:1: it is signed with the key SHA256:"),
        (lambda pack: sign_pack(pack, KEY, namespace="file"), "MANIFEST.sig:1:1: it was signed for 'file', and secmon-rules is wanted"),
        (lambda pack: sign_pack(pack, KEY, "overrides"), "MANIFEST:3:7: kind: it is a pack of overrides, and rules are read here"),
        (lambda pack: sign_pack(pack, KEY, serial=3, expires=date(2026, 11, 17)), "MANIFEST:6:10: expires: the pack has expired"),
        (lambda pack: sign_pack(pack, KEY, serial=3, created=date(2026, 11, 20)), "MANIFEST:5:10: created: the pack was made on 2026-11-20"),
        (lambda pack: sign_pack(pack, KEY, serial=2), "MANIFEST:4:9: serial: the pack is older than one that was accepted: 2, after 3"),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_refused_and_not_parsed(pack, change, expected):
    change(pack)
    held = trust(serials={"rules/site": 3})
    only, refused = read(pack, held_against=held)
    assert [line[: len(expected)] for line in refused] == [expected]
    assert (only.documents, only.signed) == ((), None)
    only, _ = read(pack, held_against=held, allow_unsigned=True)
    assert len(only.documents) >= 1
    assert (only.signed, bool(only.refused)) == (None, True)


@pytest.mark.parametrize(
    ("line", "principal", "expected"),
    [
        (
            f'a@b namespaces="secmon-waivers" {KEY.line}',
            "",
            "signers:1: the key of a@b may not sign for secmon-rules",
        ),
        (f'a@b valid-after="20261201Z" {KEY.line}', "", "signers:1: the key of a@b is not valid yet"),
        (f'a@b valid-before="20261101Z" {KEY.line}', "", "signers:1: the key of a@b is no longer valid"),
        (f"a@b,c@d {KEY.line}", "e@f", "signers:1: the key of a@b, c@d is not the key of e@f"),
    ],
)
def test_a_key_that_may_not_sign_this(pack, line, principal, expected):
    _, (refused,) = read(pack, held_against=trust(f"{line}\n", principal=principal))
    assert refused.startswith(f"MANIFEST.sig:1:1: {expected}")


def test_a_key_may_have_several_lines(pack):
    text = f'a@b valid-before="20261101Z" {KEY.line}\nc@d {KEY.line}\ne@f,c@d {KEY.line}\n'
    only, _ = read(pack, held_against=trust(text))
    assert only.signed.principals == ("c@d", "e@f")


def test_the_own_pack_needs_no_signature_and_nothing_else_is_the_own(pack, tmp_path):
    (pack / "MANIFEST.sig").unlink()
    disguised = tmp_path / "builtin"
    pack.rename(disguised)
    only, refused = read(disguised)
    assert (only.name, only.own, len(refused)) == ("builtin", False, 1)
    faults = []
    setting = PathSetting("builtin", Place("secmon.yml", 1, 1), "rules.paths[0]")
    (own,) = read_packs([open_pack(setting, "rules", faults, builtin=str(disguised))], faults, trust())
    assert (own.own, own.refused, len(own.documents)) == (True, (), 1)


def test_a_single_file_cannot_be_signed(pack):
    only, (refused,) = read(pack / "a.yml")
    assert "the pack is not signed" in refused
    assert only.documents == ()


def test_without_a_verifier_nothing_is_accepted(monkeypatch):
    monkeypatch.delitem(sys.modules, "secmon.sources.sshkeys", raising=False)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.serialization", None)
    with pytest.raises(Unavailable) as refused:
        load_verifier()
    assert refused.value.reason is Reason.UNSUPPORTED
    assert refused.value.detail.startswith("signatures cannot be verified: ")
