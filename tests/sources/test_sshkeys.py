"""What proves a signature; tests/lab/test_signing_oracle.py holds it against ssh-keygen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from secmon.core.sshsig import parse
from secmon.sources.sshkeys import proves
from tests.support.signing import KINDS, make_key, string


@pytest.fixture(scope="module", params=KINDS)
def signature(request):
    return parse(make_key(request.param).sign(b"message", "secmon-rules"))


def test_a_signature_of_every_kind(signature):
    assert proves(signature, b"message")
    assert not proves(signature, b"messagE")
    assert not proves(replace(signature, namespace=b"secmon-waivers"), b"message")
    assert not proves(replace(signature, hash_name=b"sha256"), b"message")


def test_its_algorithm_is_that_of_the_key(signature):
    for algorithm in (b"", b"ssh-rsa", b"ssh-ed25519", b"ssh-ed25519-cert-v01@openssh.com"):
        if algorithm != signature.algorithm:
            assert not proves(replace(signature, algorithm=algorithm), b"message")


def test_nothing_follows_it_but_what_hardware_adds(signature):
    assert not proves(replace(signature, rest=signature.rest + b"x"), b"message")
    assert not proves(replace(signature, rest=signature.rest[:-1] or b"\x01\0\0\0\x07"), b"message")


def test_a_damaged_value_or_key(signature):
    for value in (b"", signature.value + b"x", signature.value[:-1], bytes(len(signature.value))):
        assert not proves(replace(signature, value=value), b"message")
    for key in (b"", string(b"ssh-ed25519"), signature.key[:-1], signature.key + b"x", string(b"ssh-dss")):
        assert not proves(replace(signature, key=key), b"message")
