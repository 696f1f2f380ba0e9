"""Prove SSH signatures with the algorithms of cryptography; only their encodings are read here."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

# What cryptography itself imports late could not be reached once privileges are dropped.
import cryptography.hazmat.backends.openssl.backend  # noqa: F401
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from secmon.core.sshsig import BadSignature, Reader, Signature, signed_bytes

RSA_BITS: Final = 2048
"""Least size of an RSA key (NIST SP 800-131A)."""

_RSA_HASHES: Final = {b"rsa-sha2-256": hashes.SHA256(), b"rsa-sha2-512": hashes.SHA512()}
_CURVE_HASHES: Final = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
_FIDO: Final = b"sk-"
_FIDO_REST: Final = 5  # one byte of flags, four of a counter


def proves(signature: Signature, message: bytes) -> bool:
    """Say whether the key that a signature names has signed a message.

    Args:
        signature: its key must be one that somebody of ours vouches for.
        message: what was signed.

    Returns:
        False also for keys and algorithms that are not accepted: DSA, RSA with SHA-1 or below 2,048 bits.
    """
    try:
        return _verify(signature, signed_bytes(signature, message))
    except (InvalidSignature, UnsupportedAlgorithm, BadSignature, ValueError):
        return False


def _verify(signature: Signature, data: bytes) -> bool:
    kind = Reader(signature.key).string()
    key = load_ssh_public_key(kind + b" " + base64.b64encode(signature.key))
    if kind.startswith(_FIDO):
        data = _fido_data(kind, signature, data)
    elif signature.rest:
        return False
    if isinstance(key, rsa.RSAPublicKey):
        return _verify_rsa(key, signature, data)
    if signature.algorithm != kind:
        return False
    if isinstance(key, ec.EllipticCurvePublicKey):
        _verify_ecdsa(key, signature.value, data)
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature.value, data)
    else:
        return False
    return True


def _verify_rsa(key: rsa.RSAPublicKey, signature: Signature, data: bytes) -> bool:
    """Verify as RFC 8332 section 3 says."""
    digest = _RSA_HASHES.get(signature.algorithm)
    if digest is None or key.key_size < RSA_BITS:
        return False
    value = signature.value.rjust((key.key_size + 7) // 8, b"\0")  # OpenSSH lets leading zeros be left out
    key.verify(value, data, padding.PKCS1v15(), digest)
    return True


def _verify_ecdsa(key: ec.EllipticCurvePublicKey, value: bytes, data: bytes) -> None:
    """Verify as RFC 5656 sections 3.1.2 and 6.2.1 say."""
    reader = Reader(value)
    pair = encode_dss_signature(reader.mpint(), reader.mpint())
    if reader.rest():
        raise BadSignature("something follows its two numbers")
    key.verify(pair, data, ec.ECDSA(_CURVE_HASHES[key.curve.key_size]))


def _fido_data(kind: bytes, signature: Signature, data: bytes) -> bytes:
    """Return what a FIDO key signs in place of the data (OpenSSH, PROTOCOL.u2f, "SSH U2F signatures")."""
    if len(signature.rest) != _FIDO_REST:
        raise BadSignature("its flags and counter are not there")
    reader = Reader(signature.key)
    *_, application = (reader.string() for _ in range(4 if b"ecdsa" in kind else 3))
    return hashlib.sha256(application).digest() + signature.rest + hashlib.sha256(data).digest()
