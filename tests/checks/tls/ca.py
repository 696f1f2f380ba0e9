"""A certification authority for tests: chains with exactly one fault each."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from secmon.checks.tls import certificate

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH

RSA_1024 = rsa.generate_private_key(65537, 1024)
RSA_2048 = rsa.generate_private_key(65537, 2048)


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Issued:
    """A certificate with its key and who issued it (None: itself)."""

    x509: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
    issuer: Issued | None = None

    @property
    def der(self) -> bytes:
        return self.x509.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.x509.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def loaded(self) -> certificate.Certificate:
        return certificate.load(self.der)


def general_names(names):
    for name in names:
        try:
            yield x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            yield x509.DNSName(name)


def issue(
    name: str,
    issuer: Issued | None = None,
    *,
    names=(),
    ca: bool = False,
    starts: dt.timedelta = -30 * DAY,
    ends: dt.timedelta = 60 * DAY,
    now: dt.datetime = NOW,
    key=None,
    uses=None,
    path_length=None,
    key_cert_sign: bool = True,
    key_usage: bool = True,
    constraints_critical: bool = True,
    basic_constraints: bool = True,
    authority_key: bool = True,
    name_constraints=None,
    hash_=None,
) -> Issued:
    """Issue a conforming certificate, unless told otherwise."""
    key = key or ec_key()
    signing_key = issuer.key if issuer else key
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        issuer_name=issuer.x509.subject if issuer else subject,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now + starts,
        not_valid_after=now + ends,
    )
    if basic_constraints:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length), constraints_critical)
    if ca and key_usage:
        bits = (True, False, False, False, False, key_cert_sign, True, False, False)
        builder = builder.add_extension(x509.KeyUsage(*bits), True)
    if ca:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(general_names(names))), False)
    if issuer and authority_key:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key())
        builder = builder.add_extension(identifier, False)
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), False)
    if name_constraints:
        builder = builder.add_extension(name_constraints, True)
    algorithm = None if isinstance(signing_key, ed25519.Ed25519PrivateKey) else hash_ or hashes.SHA256()
    return Issued(builder.sign(signing_key, algorithm), key, issuer)


def authority(now: dt.datetime = NOW, **options) -> tuple[Issued, Issued]:
    """A root and an issuing CA below it."""
    root = issue("Test Root", ca=True, starts=-300 * DAY, ends=3000 * DAY, now=now)
    return root, issue(
        "Test Issuing CA", root, ca=True, starts=-200 * DAY, ends=1000 * DAY, now=now, **options
    )
