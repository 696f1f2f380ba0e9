"""Certificates in files: PEM as people really write it."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from secmon.checks.tls.pem import FILE_CERTIFICATES, find_certificates

BEGIN, END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


def block(body: bytes) -> bytes:
    return BEGIN + b"\n" + base64.encodebytes(body) + END + b"\n"


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=5), st.binary(max_size=50))
def test_what_was_written_is_found(bodies, noise):
    noise = noise.replace(b"-", b".")
    data = b"# " + noise + b"\n" + noise.join(map(block, bodies))
    assert find_certificates(data) == bodies


@given(st.binary(max_size=400))
def test_no_bytes_raise(data):
    find_certificates(data)
    find_certificates(BEGIN + data + END)


def test_windows_line_ends_and_old_labels():
    data = block(b"abc").replace(b"\n", b"\r\n") + block(b"def").replace(b" CERT", b" X509 CERT")
    assert find_certificates(data) == [b"abc", b"def"]


def test_private_keys_are_no_certificates():
    key = block(b"secret").replace(b"CERTIFICATE", b"PRIVATE KEY")
    assert find_certificates(key + block(b"public")) == [b"public"]


def test_a_broken_block_does_not_swallow_the_next():
    assert find_certificates(BEGIN + b"\nAAAA\n" + block(b"abc")) == [None, b"abc"]
    assert find_certificates(block(b"abc") + BEGIN) == [b"abc", None]
    assert find_certificates(BEGIN + b"A" + END) == [None]
    assert find_certificates(BEGIN + END) == [None]


def test_der():
    assert find_certificates(b"\x30\x82\x01\x02rest") == [b"\x30\x82\x01\x02rest"]


def test_a_file_of_nothing_but_beginnings_ends_soon():
    assert len(find_certificates(BEGIN * 40_000)) == FILE_CERTIFICATES
