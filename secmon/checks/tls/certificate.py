"""Turn certificates in DER into facts; the parsing itself is cryptography's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import SignatureAlgorithmOID

from secmon.core.model import Fact
from secmon.core.texts import cut

if TYPE_CHECKING:
    from datetime import datetime

    from secmon.core.model import Json

PARSE_ERRORS: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What cryptography raises on bad or foreign certificates, also late, when a field is read."""

WEAK_HASHES: Final = frozenset({"md5", "sha1"})
"""Hashes whose signatures can be forged."""

_SECONDS_PER_DAY: Final = 86_400
_SANS_KEPT: Final = 100

_KEY_TYPES: Final = (
    (rsa.RSAPublicKey, "rsa"),
    (ec.EllipticCurvePublicKey, "ec"),
    (ed25519.Ed25519PublicKey, "ed25519"),
    (ed448.Ed448PublicKey, "ed448"),
    (dsa.DSAPublicKey, "dsa"),
)
_FIXED_BITS: Final = {"ed25519": 256, "ed448": 448}

_SIGNATURES: Final = {
    oid: name.lower().replace("_", "-")
    for name, oid in vars(SignatureAlgorithmOID).items()
    if isinstance(oid, x509.ObjectIdentifier)
}
"""Object identifier -> name such as `rsa-with-sha256`."""

ExtensionT = TypeVar("ExtensionT", bound=x509.ExtensionType)


class BadCertificateError(Exception):
    """Bytes that are no certificate."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate, with every field read that a judgement needs.

    Attributes:
        x509: the parsed certificate.
        der: its bytes.
        sha256: fingerprint, lower-case hex.
        subject: RFC 4514 text, cut.
        issuer: RFC 4514 text, cut.
        not_before: start of validity, aware UTC.
        not_after: end of validity, aware UTC.
        dns_names: dNSName entries of the SAN.
        addresses: iPAddress entries of the SAN, as text.
        ca: basicConstraints says that it may issue.
        self_signed: its issuer is its subject, and its own key verifies its signature.
        key_type: `rsa ec ed25519 ed448 dsa other`.
        key_bits: size of the key, None where the type has none that we know.
        signature: hash and algorithm, such as `rsa-with-sha256`, or an object identifier.
    """

    x509: x509.Certificate
    der: bytes
    sha256: str
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    dns_names: tuple[str, ...]
    addresses: tuple[str, ...]
    ca: bool
    self_signed: bool
    key_type: str
    key_bits: int | None
    signature: str

    @property
    def has_san(self) -> bool:
        """Say whether a host could match at all."""
        return bool(self.dns_names or self.addresses)

    @property
    def lifetime_days(self) -> int:
        """Return whole days from the start to the end of validity."""
        return int((self.not_after - self.not_before).total_seconds() // _SECONDS_PER_DAY)


def load(der: bytes) -> Certificate:
    """Parse one certificate and all that is judged of it.

    Args:
        der: from a server or a file.

    Raises:
        BadCertificateError: it does not parse, or one of those fields does not.
    """
    try:
        return _load(der)
    except PARSE_ERRORS as error:
        raise BadCertificateError(cut(str(error), 200)) from error


def extension(certificate: x509.Certificate, kind: type[ExtensionT]) -> ExtensionT | None:
    """Return the value of an extension, None where the certificate has none.

    Args:
        certificate: parsed.
        kind: class of the value.
    """
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Say whether the issuer's name and key fit; nothing else is looked at.

    Args:
        certificate: the certificate.
        issuer: who may have signed it.
    """
    try:
        if hash_name(certificate) in WEAK_HASHES:
            _verify_weak_signature(certificate, issuer)
        else:
            certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *PARSE_ERRORS):
        return False
    return True


def hash_name(certificate: x509.Certificate) -> str:
    """Return the name of the hash of a signature, "" where it has none of its own or an unknown one.

    Args:
        certificate: parsed.
    """
    try:
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return ""
    return digest.name if digest else ""


def _verify_weak_signature(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    """Verify what cryptography's own method refuses to: who signed with SHA-1 is still to be told."""
    key, digest = issuer.public_key(), certificate.signature_hash_algorithm
    if certificate.issuer != issuer.subject or digest is None:
        raise InvalidSignature
    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(digest))
    else:
        raise InvalidSignature


def fact(certificate: Certificate, place: str, index: int, source: str) -> Fact:
    """Return the fact of a certificate.

    Args:
        certificate: parsed.
        place: where it was found: a path, or host:port.
        index: position there, from 0.
        source: `endpoint` or `file`.
    """
    sans = [*certificate.dns_names, *certificate.addresses]
    values: Json = {
        "place": cut(place),
        "index": index,
        "source": source,
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial": f"{certificate.x509.serial_number:x}",
        "sans": [cut(name) for name in sans[:_SANS_KEPT]],
        "not_before": certificate.not_before.timestamp(),
        "not_after": certificate.not_after.timestamp(),
        "lifetime_days": certificate.lifetime_days,
        "key_type": certificate.key_type,
        "key_bits": certificate.key_bits,
        "signature": certificate.signature,
        "self_signed": certificate.self_signed,
        "ca": certificate.ca,
        "sha256": certificate.sha256,
    }
    return Fact("certificate", values)


def _load(der: bytes) -> Certificate:
    parsed = x509.load_der_x509_certificate(der)
    san = extension(parsed, x509.SubjectAlternativeName)
    constraints = extension(parsed, x509.BasicConstraints)
    key_type, key_bits = _key(parsed)
    return Certificate(
        x509=parsed,
        der=der,
        sha256=parsed.fingerprint(hashes.SHA256()).hex(),
        subject=cut(parsed.subject.rfc4514_string()),
        issuer=cut(parsed.issuer.rfc4514_string()),
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
        dns_names=tuple(san.get_values_for_type(x509.DNSName)) if san else (),
        addresses=tuple(map(str, san.get_values_for_type(x509.IPAddress))) if san else (),
        ca=bool(constraints and constraints.ca),
        self_signed=parsed.issuer == parsed.subject and is_signed_by(parsed, parsed),
        key_type=key_type,
        key_bits=key_bits,
        signature=_SIGNATURES.get(
            parsed.signature_algorithm_oid, parsed.signature_algorithm_oid.dotted_string
        ),
    )


def _key(parsed: x509.Certificate) -> tuple[str, int | None]:
    try:
        key = parsed.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return "other", None  # ML-DSA, GOST, brainpool ...: a certificate all the same
    key_type = next((name for cls, name in _KEY_TYPES if isinstance(key, cls)), "other")
    bits = getattr(key, "key_size", _FIXED_BITS.get(key_type))
    return key_type, bits if isinstance(bits, int) else None
