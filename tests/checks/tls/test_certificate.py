"""Certificates that somebody tampered with are read or refused, and nothing else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from secmon.checks.tls import certificate, proof, trust
from secmon.checks.tls.certificate import BadCertificateError
from secmon.checks.tls.facts import Place, Sight, Trust, build_facts
from secmon.checks.tls.flight import Flight
from secmon.checks.tls.wire import TLS12, WireError
from secmon.core.model import Reason
from tests.checks.tls.ca import CLIENT, DAY, NOW, RSA_1024, SERVER, authority, ed25519, issue

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

ROOT, ISSUING = authority()
HOST = "www.example.vn"
LEAF = issue("leaf", ISSUING, names=[HOST, "192.0.2.1"], uses=[SERVER, CLIENT])
TRUST = Trust(trust.build_anchors([("national", [ROOT.der])]))


@st.composite
def tampered(draw):
    """Return a certificate with one to three bytes changed, cut out or put in."""
    data = bytearray(draw(st.sampled_from([LEAF.der, ISSUING.der])))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data) - 1))
        cut = draw(st.integers(0, 3))
        data[at : at + cut] = draw(st.binary(max_size=3))
    return bytes(data)


@given(tampered())
def test_loading_raises_nothing_but_its_error(der):
    try:
        fact = certificate.fact(certificate.load(der), "x", 0, "file")
    except BadCertificateError:
        return
    assert fact.missing == {}
    assert fact.values["not_after"] is not None


@given(tampered(), tampered())
def test_every_field_of_an_endpoint_is_told_or_missing(first, second):
    flight = Flight(TLS12, chain=(first, second), client_auth=False)
    findings = build_facts(
        Place(HOST, 443, HOST, HOST), Sight("192.0.2.1", ("TLS1.2",), None, flight), TRUST, NOW
    )
    values, missing = findings.endpoint.values, findings.endpoint.missing
    declared = {
        "host",
        "port",
        "sni",
        "address",
        "versions",
        "client_auth",
        "trusted",
        "trust_reason",
        "trust_profile",
    }
    declared |= {"pinned", "name_ok", "chain", "not_after", "lifetime_days"}
    assert set(values) | set(missing) == declared
    assert not set(values) & set(missing)
    if findings.chain_unseen:
        assert findings.chain_unseen is Reason.BAD_DATA
        assert findings.detail.startswith(f"{HOST}:443: certificate ")


@given(tampered(), st.integers(0, 0xFFFF), st.binary(max_size=80))
def test_a_proof_raises_nothing_but_its_error(der, scheme, signature):
    with pytest.raises(WireError):
        proof.verify_possession(der, scheme, signature, bytes(32))


def test_a_proof_with_a_scheme_of_another_curve_is_refused():
    signature = LEAF.key.sign(proof._CONTEXT + bytes(32), ec.ECDSA(hashes.SHA256()))
    proof.verify_possession(LEAF.der, 0x0403, signature, bytes(32))
    with pytest.raises(WireError, match="0x0503"):
        proof.verify_possession(LEAF.der, 0x0503, signature, bytes(32))
    with pytest.raises(WireError, match="did not prove"):
        proof.verify_possession(LEAF.der, 0x0403, signature, bytes(31) + b"x")


@pytest.mark.parametrize(
    ("key", "kind", "bits"),
    [(RSA_1024, "rsa", 1024), (ed25519.Ed25519PrivateKey.generate(), "ed25519", 256), (None, "ec", 256)],
)
def test_keys(key, kind, bits):
    loaded = issue("x", ISSUING, key=key).loaded
    assert (loaded.key_type, loaded.key_bits) == (kind, bits)


def test_a_broken_intermediate_is_told_and_the_leaf_is_judged():
    flight = Flight(TLS12, chain=(LEAF.der, b"\x30\x03\x02\x01\x00"), client_auth=False)
    findings = build_facts(
        Place(HOST, 443, HOST, HOST), Sight("192.0.2.1", ("TLS1.2",), None, flight), TRUST, NOW
    )
    assert findings.endpoint.values["trust_reason"] == "missing_intermediate"
    assert findings.chain_unseen is Reason.BAD_DATA
    assert len(findings.certificates) == 1
    assert "certificate 1" in findings.detail


def test_long_names_are_cut():
    loaded = issue(
        "n" * 64, ISSUING, names=[f"{'a' * 60}.{number}.example.vn" for number in range(300)]
    ).loaded
    fact = certificate.fact(loaded, "p" * 5000, 0, "endpoint")
    assert len(fact.values["sans"]) == 100
    assert len(fact.values["place"]) == 1024


def test_lifetimes_are_whole_days():
    assert issue("x", starts=-DAY, ends=DAY / 2).loaded.lifetime_days == 1
