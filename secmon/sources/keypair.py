"""Look at the certificates and the private key of a server before anybody serves with them.

Only this module and sources.sshkeys import cryptography outside the checks; it is imported where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

SOON_DAYS: Final = 21
"""A certificate that ends within so many days is told of, as SecmonCertificateExpiring does."""

_LEAST_RSA_BITS: Final = 2048
_REFUSED_DIGESTS: Final = ("md5", "sha1")
_PLAIN_KEY: Final = "openssl pkey -in KEY -out NEW, with mode 0600; or hand it over by LoadCredential="


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a certificate or a key.

    Attributes:
        message: what is wrong.
        advice: what would be right.
        warning: it can be served with all the same.
    """

    message: str
    advice: str = ""
    warning: bool = False


def check_server(certificates: bytes, now: float) -> Iterator[Problem]:
    """Look at the certificate of a server.

    Args:
        certificates: its file: PEM, the server's own certificate first.
        now: Unix seconds.

    Yields:
        What keeps it from being served, and warnings of what keeps others from accepting it.
    """
    chain = _read(certificates)
    if not chain:
        yield Problem("it holds no certificate", "PEM, the server's own certificate first")
        return
    for certificate in chain:
        yield from _check_strength(certificate)
    yield from _check_dates(chain[0], now)
    yield from _check_names(chain[0])


def check_key(key: bytes, certificate: bytes) -> Iterator[Problem]:
    """Look at the private key of a server.

    Args:
        key: its file, PEM.
        certificate: file of the certificate that it belongs to.

    Yields:
        What keeps it from being used; never anything of the key.
    """
    try:
        private = load_pem_private_key(key, None)
    except TypeError:
        yield Problem("the key is encrypted, and there is nobody to ask for its password", _PLAIN_KEY)
        return
    except (ValueError, UnsupportedAlgorithm):
        yield Problem("it holds no private key that can be read", "PEM, PKCS #8")
        return
    chain = _read(certificate)
    if chain and _public(private) != chain[0].public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    ):
        yield Problem("the key is not that of the certificate", "cert_file and key_file are made together")


def check_authorities(certificates: bytes, now: float) -> Iterator[Problem]:
    """Look at the authorities that clients' certificates are verified with.

    Args:
        certificates: their file, PEM.
        now: Unix seconds.

    Yields:
        What keeps clients from being verified, and warnings.
    """
    found = _read(certificates)
    if not found:
        yield Problem("it holds no certificate", "PEM, one or more authorities")
    for certificate in found:
        yield from _check_dates(certificate, now)


def _read(data: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        return []


def _public(key: PrivateKeyTypes) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _check_strength(certificate: x509.Certificate) -> Iterator[Problem]:
    """Tell what OpenSSL refuses to load at its security level 2, Python's own."""
    key, digest = certificate.public_key(), certificate.signature_hash_algorithm
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _LEAST_RSA_BITS:
        yield Problem(f"its key has {key.key_size} bits", f"RSA has at least {_LEAST_RSA_BITS}")
    is_root = certificate.issuer == certificate.subject  # whose signature proves nothing
    if digest is not None and digest.name in _REFUSED_DIGESTS and not is_root:
        yield Problem(f"it is signed with {digest.name}", "sign it with sha256")


def _check_dates(certificate: x509.Certificate, now: float) -> Iterator[Problem]:
    at = datetime.fromtimestamp(now, UTC)
    end, start = certificate.not_valid_after_utc, certificate.not_valid_before_utc
    days = (end - at).days
    if at > end:
        yield Problem(f"it expired on {end:%Y-%m-%d}: no connection is accepted", "renew it", warning=True)
    elif days < SOON_DAYS:
        yield Problem(f"it expires on {end:%Y-%m-%d}, in {days} days", "renew it", warning=True)
    if at < start:
        yield Problem(f"it is not valid before {start:%Y-%m-%d %H:%M} UTC", "set the clock", warning=True)


def _check_names(certificate: x509.Certificate) -> Iterator[Problem]:
    """Tell what Prometheus, as every program in Go, will not accept."""
    extensions = _extensions(certificate)
    if x509.SubjectAlternativeName not in extensions:
        message = "it has no subjectAltName, without which Prometheus accepts no server"
        yield Problem(message, "subjectAltName=DNS:NAME,IP:ADDRESS", warning=True)
    usage = extensions.get(x509.ExtendedKeyUsage)
    allowed = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if isinstance(usage, x509.ExtendedKeyUsage) and not allowed.intersection(usage):
        yield Problem(
            "its extendedKeyUsage does not let it be a server's", "extendedKeyUsage=serverAuth", warning=True
        )


def _extensions(certificate: x509.Certificate) -> dict[type, x509.ExtensionType]:
    try:
        return {type(extension.value): extension.value for extension in certificate.extensions}
    except (ValueError, x509.DuplicateExtension):
        return {}
