from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.sshsig import SIZE_LIMIT, BadSignature, Reader, fingerprint, parse, signed_bytes
from tests.support.signing import armour, dearmour, mpint, string

# `ssh-keygen -Y sign -n secmon-rules` of OpenSSH 9.2p1 over the message b"hi\n".
RECORDED = b"""-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgKoUwpfTHTkYZJ6U/DvlYONU1Mo
WJsjGntHm+m8M8A3MAAAAMc2VjbW9uLXJ1bGVzAAAAAAAAAAZzaGE1MTIAAABTAAAAC3Nz
aC1lZDI1NTE5AAAAQD7+vlrDuJzF413xYo8rTo24ehayOWITmU3nJLkVyJqxVBIdDGAJwR
cstNkQ5LFjD9lyQn2A60SVO9XLQ/M+Fw8=
-----END SSH SIGNATURE-----
"""
FINGERPRINT = "SHA256:Z+3Sml8Jhmx0dVGk5aArtha4Ie5qx0zz0o+caAKNe6Y"
"""As `ssh-keygen -l` shows the key of RECORDED."""


def test_a_signature_of_ssh_keygen():
    signature = parse(RECORDED)
    assert (signature.namespace, signature.hash_name) == (b"secmon-rules", b"sha512")
    assert (signature.algorithm, len(signature.value), signature.rest) == (b"ssh-ed25519", 64, b"")
    assert fingerprint(signature.key) == FINGERPRINT
    assert signed_bytes(signature, b"hi\n").startswith(
        b"SSHSIG\0\0\0\x0csecmon-rules\0\0\0\0\0\0\0\x06sha512\0\0\0\x40"
    )


def blob(version=1, hash_name=b"sha512", inner=None, after=b"", magic=b"SSHSIG"):
    inner = string(b"ssh-ed25519") + string(b"v") if inner is None else inner
    fields = (b"key", b"secmon-rules", b"reserved", hash_name, inner)
    return magic + struct.pack(">I", version) + b"".join(map(string, fields)) + after


def test_the_reserved_field_is_ignored():
    assert parse(armour(blob())).value == b"v"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "begin and end"),
        (RECORDED[1:], "begin and end"),
        (RECORDED.replace(b"\n", b"\r\n", 1), "begin and end"),
        (RECORDED + b"more", "begin and end"),
        (RECORDED.replace(b"-----END", b"-----end"), "begin and end"),
        (RECORDED.replace(b"Fw8=", b"Fw9="), "base64"),
        (RECORDED.replace(b"Fw8=", b"Fw8"), "base64"),
        (RECORDED.replace(b"U1NI", b"U1N!"), "base64"),
        (b" " * (SIZE_LIMIT + 1), "larger than 32768 bytes"),
        (armour(b""), "base64|cut short|begin and end"),
        (armour(blob()[:-1]), "cut short"),
        (armour(blob(magic=b"SSHSIH")), "no SSH signature"),
        (armour(blob(version=0)), "its version is 0"),
        (armour(blob(version=2)), "its version is 2"),
        (armour(blob(after=b"x")), "follows its end"),
        (armour(blob(hash_name=b"sha1")), "neither sha256 nor sha512"),
        (armour(blob(inner=b"")), "cut short"),
    ],
)
def test_what_is_no_signature_says_why(data, why):
    with pytest.raises(BadSignature, match=why):
        parse(data)


def test_numbers():
    for number in (0, 1, 0x7F, 0x80, 1 << 520):
        assert Reader(mpint(number)).mpint() == number
    with pytest.raises(BadSignature, match="negative"):
        Reader(string(b"\x80")).mpint()


@given(st.binary(max_size=300))
def test_whatever_the_bytes_are_nothing_else_is_raised(data):
    for armoured in (data, armour(data), armour(dearmour(RECORDED)[: len(data)] + data)):
        try:
            parse(armoured)
        except BadSignature:
            continue
