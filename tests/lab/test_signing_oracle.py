"""Hold what is accepted here against what `ssh-keygen -Y verify` accepts."""

from __future__ import annotations

import base64
import functools
import random
import struct
import subprocess

import pytest

from secmon.core.sshsig import BadSignature, parse
from secmon.sources.signatures import Refused, Trust, load_verifier, verify
from secmon.sources.signers import read_signers
from tests.support.signing import KINDS, armour, dearmour, make_key, read_string, string

NOW = 1_795_000_000.0  # 2026-11-18T11:06:40Z
MUTATIONS = 40
"""For each kind of key; 3,000 once by hand: no difference but those named below."""


@pytest.fixture(autouse=True)
def _needs_the_oracle(needs):
    needs("ssh-keygen")


@functools.cache
def key_of(kind):
    return make_key(kind)


def theirs(
    folder, signers, message, signature, principal="a@b", namespace="secmon-rules", now="20261118110640Z"
):
    """Return whether ssh-keygen accepts."""
    (folder / "signers").write_bytes(signers)
    (folder / "sig").write_bytes(signature)
    command = ["ssh-keygen", "-Y", "verify", "-f", "signers", "-I", principal, "-n", namespace, "-s", "sig"]
    command.append(f"-Overify-time={now}")
    done = subprocess.run(command, input=message, cwd=folder, capture_output=True, check=False)
    return done.returncode == 0


def ours(signers, message, signature, principal="a@b", namespace="secmon-rules"):
    """Return whether we accept."""
    faults = []
    found = read_signers(signers, "signers", faults)
    if faults:
        return False
    trust = Trust(load_verifier(), found, "signers", {}, NOW, principal)
    try:
        verify(message, signature, (namespace,), trust)
    except Refused:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
def test_ssh_keygen_accepts_what_the_tests_sign(kind, hash_name, tmp_path):
    key = key_of(kind)
    signature = key.sign(b"message", "secmon-rules", hash_name)
    signers = f"a@b {key.line}\n".encode()
    assert theirs(tmp_path, signers, b"message", signature)
    assert ours(signers, b"message", signature)
    assert not theirs(tmp_path, signers, b"messagE", signature)
    assert not ours(signers, b"messagE", signature)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("sk-")])
def test_what_ssh_keygen_signs_is_accepted(kind, tmp_path):
    key = key_of(kind)
    (tmp_path / "key").write_bytes(key.pem())
    (tmp_path / "key").chmod(0o600)
    for hash_name in ("sha256", "sha512"):
        command = ["ssh-keygen", "-Y", "sign", "-f", "key", "-n", "secmon-rules", f"-Ohashalg={hash_name}"]
        done = subprocess.run(command, input=b"message", cwd=tmp_path, capture_output=True, check=True)
        signers = f"a@b {key.line}\n".encode()
        assert ours(signers, b"message", done.stdout)
        assert theirs(tmp_path, signers, b"message", done.stdout)
        assert not ours(signers, b"message", done.stdout, namespace="secmon-waivers")


def mutate(chance, armoured):
    """Change a signature: bits, bytes, lengths, fields, armour."""
    blob = bytearray(dearmour(armoured))
    what = chance.randrange(8)
    at = chance.randrange(len(blob))
    if what == 0:
        blob[at] ^= 1 << chance.randrange(8)
    elif what == 1:
        del blob[at : at + chance.randrange(1, 9)]
    elif what == 2:
        blob[at:at] = chance.randbytes(chance.randrange(1, 9))
    elif what == 3:
        blob[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
    elif what == 4:
        return _swap_field(chance, bytes(blob))
    elif what == 5:
        text = bytearray(armoured)
        text[chance.randrange(len(text))] = chance.choice(b"\n\r =+/-AZz09")
        return bytes(text)
    elif what == 6:
        return armoured[: chance.randrange(len(armoured))] + chance.choice((b"", b"\n", b"x", b"\r\n"))
    else:
        return armoured.replace(b"\n", chance.choice((b"\r\n", b"\n\n", b" \n")))
    return armour(bytes(blob))


def _swap_field(chance, blob):
    fields, rest = [], blob[10:]
    while rest:
        field, rest = read_string(rest)
        fields.append(field)
    index = chance.randrange(len(fields))
    inner, after = read_string(fields[4])
    fields[index] = chance.choice(
        (
            b"",
            fields[index] + b"\0",
            b"\0" + fields[index],
            b"sha256",
            b"sha1",
            b"secmon-rules",
            fields[index][::-1],
        )
    )
    if chance.random() < 0.5:
        value, tail = read_string(after)
        value = chance.choice(
            (b"\0" + value, value + b"\0", value.lstrip(b"\0"), value[:-1], value + value, b"")
        )
        fields[4] = string(inner) + string(value) + tail
    return armour(blob[:10] + b"".join(map(string, fields)))


def is_known_difference(signature):
    """Say whether ssh-keygen reads generously what nobody writes: all that we refuse alone."""
    head, _, after = signature.partition(b"\n-----END SSH SIGNATURE-----")
    if after.strip():
        return True  # text behind the end
    body = b"".join(head.split(b"\n")[1:])
    try:
        blob = base64.b64decode(b"".join(body.split()))
    except ValueError:
        return False
    c_strings = (b"secmon-rules\0", b"sha256\0", b"sha512\0")
    ends = any(struct.pack(">I", len(text)) + text in blob for text in c_strings)  # NUL at the end of a name
    return ends or blob[6:10] == bytes(4)  # version 0


def compare(kind, seed, folder, count):
    """Return the cases on which the two differ, and how many both accept."""
    chance = random.Random(f"{kind} {seed}")
    key = key_of(kind)
    signers = f"a@b {key.line}\n".encode()
    differing, accepted = [], 0
    for _ in range(count):
        signature = mutate(chance, key.sign(b"message", "secmon-rules", chance.choice(("sha256", "sha512"))))
        here, there = ours(signers, b"message", signature), theirs(folder, signers, b"message", signature)
        accepted += here and there
        if here != there and (here or not is_known_difference(signature)):
            differing.append((here, there, signature))
    return differing, accepted


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_signatures_are_refused_by_both(kind, tmp_path):
    differing, accepted = compare(kind, 1, tmp_path, MUTATIONS)
    assert differing == []
    assert accepted < MUTATIONS


KEY = make_key("ssh-ed25519")
OTHER = make_key("ssh-ed25519")
LINES = [
    (f"a@b {KEY.line}", True),
    (f"a@b\t{KEY.line} comment here", True),
    (f"  a@b   {KEY.line}\r", True),
    (f"# a@b {KEY.line}", False),
    (f"c@d,a@b {KEY.line}", True),
    (f"c@d {KEY.line}", False),
    (f'"a@b" {KEY.line}', True),
    (f"a@b {OTHER.line}", False),
    (f"a@b {OTHER.line}\na@b {KEY.line}", True),
    (f'a@b namespaces="secmon-rules" {KEY.line}', True),
    (f'a@b NameSpaces="file,secmon-rules" {KEY.line}', True),
    (f'a@b namespaces="secmon-*" {KEY.line}', True),
    (f'a@b namespaces="secmon-rule?" {KEY.line}', True),
    (f'a@b namespaces="secmon-*,!secmon-rules" {KEY.line}', False),
    (f'a@b namespaces="!secmon-rules,*" {KEY.line}', False),
    (f'a@b namespaces="secmon-waivers" {KEY.line}', False),
    (f'a@b namespaces="secmon-[r]ules" {KEY.line}', False),
    (f'a@b namespaces="" {KEY.line}', False),
    (f'a@b namespaces="secmon-waivers" {KEY.line}\na@b namespaces="secmon-rules" {KEY.line}', True),
    (f'a@b valid-after="20261118110640Z" {KEY.line}', True),
    (f'a@b valid-after="20261118110641Z" {KEY.line}', False),
    (f'a@b valid-after="20261118Z" {KEY.line}', True),
    (f'a@b valid-after="20261119Z" {KEY.line}', False),
    (f'a@b valid-after="202611181106" {KEY.line}', True),
    (f'a@b valid-before="20261118110640Z" {KEY.line}', True),
    (f'a@b valid-before="20261118110639Z" {KEY.line}', False),
    (f'a@b valid-after="20250101Z",valid-before="20270101UTC",namespaces="secmon-rules" {KEY.line}', True),
    (f'a@b valid-before="20250101" {KEY.line}', False),
    (f'a@b valid-after="20270101Z",valid-before="20260101Z" {KEY.line}', False),
    (f'a@b valid-after="tomorrow" {KEY.line}', False),
    (f'a@b valid-after="20261301Z" {KEY.line}', False),
    (f"a@b cert-authority {KEY.line}", False),
    (f'a@b cert-authority,namespaces="secmon-rules" {KEY.line}', False),
    (f"a@b unknown {KEY.line}", False),
    (f"a@b namespaces=secmon-rules {KEY.line}", False),
    (f'a@b namespaces="secmon-rules",namespaces="secmon-rules" {KEY.line}', False),
    (f'a@b namespaces="secmon-rules", {KEY.line}', False),
    (f'a@b namespaces="secmon-rules {KEY.line}', False),
    (f"a@b {KEY.line[:-8]}", False),
    (f"a@b {KEY.line.replace('ssh-ed25519', 'ssh-rsa')}", False),
    ("a@b", False),
    ("", False),
]


@pytest.mark.parametrize(("text", "expected"), LINES)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Ho_Chi_Minh"])
def test_lines_of_allowed_signers(text, expected, zone, tmp_path, monkeypatch):
    import time

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        signature = KEY.sign(b"message", "secmon-rules")
        data = f"{text}\n".encode()
        assert ours(data, b"message", signature) is expected
        assert theirs(tmp_path, data, b"message", signature) is expected
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text", [f"*@b {KEY.line}", f"!c@d,* {KEY.line}", f"a@b {KEY.line}\nc@d broken line"]
)
def test_what_only_ssh_keygen_accepts(text, tmp_path):
    signature = KEY.sign(b"message", "secmon-rules")
    data = f"{text}\n".encode()
    assert theirs(tmp_path, data, b"message", signature)
    assert not ours(data, b"message", signature)


def test_a_certificate_is_refused(tmp_path):
    for name, key in (("ca", OTHER), ("user", KEY)):
        (tmp_path / name).write_bytes(key.pem())
        (tmp_path / name).chmod(0o600)
        (tmp_path / f"{name}.pub").write_text(key.line + "\n")
    command = ["ssh-keygen", "-q", "-s", "ca", "-I", "id", "-n", "a@b", "-V", "20200101:20400101", "user.pub"]
    subprocess.run(command, cwd=tmp_path, check=True)
    command = ["ssh-keygen", "-Y", "sign", "-f", "user-cert.pub", "-n", "secmon-rules"]
    done = subprocess.run(command, input=b"message", cwd=tmp_path, capture_output=True, check=False)
    if done.returncode == 0:
        signers = f"a@b cert-authority {OTHER.line}\n".encode()
        assert theirs(tmp_path, signers, b"message", done.stdout)
        assert not ours(signers, b"message", done.stdout)
        assert not ours(f"a@b {OTHER.line}\na@b {KEY.line}\n".encode(), b"message", done.stdout)


def test_a_signature_in_another_shape_is_none():
    with pytest.raises(BadSignature):
        parse(b"")
