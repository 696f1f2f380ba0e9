from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from secmon.sources.keypair import check_authorities, check_key, check_server
from tests.support.pki import DAY, NOW, make

CA = make("ca")
GOOD = make("agent", issuer=CA, sans=("agent", "192.0.2.7"), uses=("server",))

# openssl x509 -req -sha1: cryptography signs nothing with SHA-1.
SHA1 = b"""
-----BEGIN CERTIFICATE-----
MIIBdzCCAR2gAwIBAgIUIYmIWfciRsWSNlTzZNXD0cKuUoUwCQYHKoZIzj0EATAU
MRIwEAYDVQQDDAlzZWNtb24gQ0EwIBcNMjYxMTIzMTc0NzQyWhgPMjEyNjEwMzAx
NzQ3NDJaMA4xDDAKBgNVBAMMA29sZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA
BPT/YCkpPRPosbygu34wIpY9fG8G936XbRbXmgH0N+/DWf1sntnv8N+ixWzh7EWo
bSDJ8doGj6I5BqWxRXa/rEyjUjBQMA4GA1UdEQQHMAWCA29sZDAdBgNVHQ4EFgQU
mgrqmKggfQT4xC5dsRpjyud7W4kwHwYDVR0jBBgwFoAU+G3s9VM5qBZNgmzLGlrZ
wGuZtVcwCQYHKoZIzj0EAQNJADBGAiEAqANo3rkQSUDuRv4RTUy5UZO8iCDY27ed
J7tdnf8KMUYCIQD+ctEou+mrrB0M61FVt/fXoCdwESre90pFvcmjWDWmDg==
-----END CERTIFICATE-----
"""


def told(problems):
    return [(problem.message, problem.warning) for problem in problems]


def test_a_good_pair_has_nothing_against_it():
    assert told(check_server(GOOD.crt + CA.crt, NOW)) == []
    assert told(check_key(GOOD.pem, GOOD.crt + CA.crt)) == []
    assert told(check_authorities(CA.crt + CA.crt, NOW)) == []


@pytest.mark.parametrize(
    ("certificate", "message", "warning"),
    [
        (
            make("a", issuer=CA, sans=("a",), until=NOW - DAY),
            "it expired on 2026-11-17: no connection is accepted",
            True,
        ),
        (
            make("a", issuer=CA, sans=("a",), until=NOW + 9.5 * DAY),
            "it expires on 2026-11-27, in 9 days",
            True,
        ),
        (
            make("a", issuer=CA, sans=("a",), since=NOW + DAY),
            "it is not valid before 2026-11-19 11:06 UTC",
            True,
        ),
        (
            make("a", issuer=CA),
            "it has no subjectAltName, without which Prometheus accepts no server",
            True,
        ),
        (
            make("a", issuer=CA, sans=("a",), uses=("client",)),
            "its extendedKeyUsage does not let it be a server's",
            True,
        ),
    ],
)
def test_what_keeps_others_from_accepting_it_is_a_warning(certificate, message, warning):
    assert told(check_server(certificate.crt, NOW)) == [(message, warning)]


def test_what_openssl_would_not_serve_with_is_a_fault():
    weak = make("a", sans=("a",), key=rsa.generate_private_key(65537, 1024))
    assert told(check_server(weak.crt, NOW)) == [("its key has 1024 bits", False)]
    assert told(check_server(GOOD.crt + weak.crt, NOW)) == [("its key has 1024 bits", False)]
    assert ("it is signed with sha1", False) in told(check_server(SHA1, NOW))


@pytest.mark.parametrize("data", [b"", b"x", GOOD.pem, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END"])
def test_what_is_no_certificate_is_a_fault(data):
    assert told(check_server(data, NOW)) == [("it holds no certificate", False)]
    assert told(check_authorities(data, NOW)) == [("it holds no certificate", False)]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (GOOD.encrypted(b"pw"), "the key is encrypted, and there is nobody to ask for its password"),
        (CA.pem, "the key is not that of the certificate"),
        (GOOD.crt, "it holds no private key that can be read"),
        (b"", "it holds no private key that can be read"),
    ],
)
def test_what_is_not_its_key_is_a_fault_that_shows_nothing_of_it(key, message):
    assert told(check_key(key, GOOD.crt)) == [(message, False)]


def test_an_authority_that_has_expired_is_a_warning():
    old = make("ca", until=NOW - 1)
    assert told(check_authorities(CA.crt + old.crt, NOW)) == [
        ("it expired on 2026-11-18: no connection is accepted", True)
    ]


@given(st.binary(max_size=200), st.sampled_from([GOOD.crt, GOOD.pem, b"-----BEGIN CERTIFICATE-----\n"]))
def test_no_bytes_raise(data, head):
    list(check_server(head + data, NOW))
    list(check_key(head + data, GOOD.crt + data))
    list(check_authorities(data + head, NOW))
