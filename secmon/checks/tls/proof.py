"""Verify that a TLS 1.3 server holds the key of the certificate that it sent (RFC 8446 4.4.3)."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

from secmon.checks.tls.certificate import PARSE_ERRORS
from secmon.checks.tls.wire import WireError
from secmon.core.model import Reason

_CONTEXT: Final = b" " * 64 + b"TLS 1.3, server CertificateVerify\x00"

_ECDSA: Final = {
    0x0403: ("secp256r1", hashes.SHA256()),
    0x0503: ("secp384r1", hashes.SHA384()),
    0x0603: ("secp521r1", hashes.SHA512()),
}
_RSA_PSS: Final = {
    0x0804: hashes.SHA256(),
    0x0805: hashes.SHA384(),
    0x0806: hashes.SHA512(),
    0x0809: hashes.SHA256(),
    0x080A: hashes.SHA384(),
    0x080B: hashes.SHA512(),
}
_ED25519: Final = 0x0807
_ED448: Final = 0x0808


def verify_possession(leaf: bytes, scheme: int, signature: bytes, transcript_hash: bytes) -> None:
    """Verify a CertificateVerify message.

    Args:
        leaf: the server's certificate, DER.
        scheme: SignatureScheme of the message.
        signature: of the message.
        transcript_hash: hash of all messages up to Certificate.

    Raises:
        WireError: `bad_data`; the certificate cannot be parsed, or the signature is not its key's.
    """
    try:
        key = x509.load_der_x509_certificate(leaf).public_key()
    except PARSE_ERRORS as error:
        raise WireError(Reason.BAD_DATA, "the server's certificate cannot be parsed") from error
    signed = _CONTEXT + transcript_hash
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and _ECDSA.get(scheme, ("",))[0] == key.curve.name:
            key.verify(signature, signed, ec.ECDSA(_ECDSA[scheme][1]))
        elif isinstance(key, rsa.RSAPublicKey) and scheme in _RSA_PSS:
            digest = _RSA_PSS[scheme]
            pss = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
            key.verify(signature, signed, pss, digest)
        elif (isinstance(key, ed25519.Ed25519PublicKey) and scheme == _ED25519) or (
            isinstance(key, ed448.Ed448PublicKey) and scheme == _ED448
        ):
            key.verify(signature, signed)
        else:
            raise WireError(Reason.BAD_DATA, f"the server signed with scheme {scheme:#06x}, not its key's")
    except (InvalidSignature, *PARSE_ERRORS) as error:
        raise WireError(
            Reason.BAD_DATA, "the server did not prove that the certificate is its own"
        ) from error
