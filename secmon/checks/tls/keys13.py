"""Derive the keys of a TLS 1.3 handshake (RFC 8446 7.1 to 7.4), tested with the vectors of RFC 8448."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from secmon.checks.tls.hello import SECP256R1, SECP384R1, X25519, KeyShare
from secmon.checks.tls.wire import APPLICATION_DATA, Record, WireError, record
from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

PrivateKey = x25519.X25519PrivateKey | ec.EllipticCurvePrivateKey

SEED_BYTES: Final = 48
"""Random bytes that a private key of any group here is made from."""

GROUPS: Final = frozenset({X25519, SECP256R1, SECP384R1})
"""Groups in which a key exchange can be made."""

_CURVES: Final = {SECP256R1: ec.SECP256R1(), SECP384R1: ec.SECP384R1()}
_NONCE_BYTES: Final = 12
_MAX_SEQUENCE: Final = 1 << 20  # far more records than CONVERSATION_LIMIT admits


@dataclass(frozen=True, slots=True)
class Suite:
    """A cipher suite of TLS 1.3 (RFC 8446 B.4).

    Attributes:
        hash: of the transcript and of HKDF.
        aead: of the records.
        key_bytes: length of its key.
    """

    hash: hashes.SHA256 | hashes.SHA384
    aead: Callable[[bytes], AESGCM | ChaCha20Poly1305]
    key_bytes: int

    def digest(self, data: bytes) -> bytes:
        """Return the hash of bytes."""
        return hashlib.new(self.hash.name, data).digest()


SUITES: Final = {
    0x1301: Suite(hashes.SHA256(), AESGCM, 16),
    0x1302: Suite(hashes.SHA384(), AESGCM, 32),
    0x1303: Suite(hashes.SHA256(), ChaCha20Poly1305, 32),
}


@dataclass(frozen=True, slots=True)
class Secrets:
    """The handshake traffic secrets of both sides.

    Attributes:
        client: client_handshake_traffic_secret.
        server: server_handshake_traffic_secret.
    """

    client: bytes
    server: bytes


class RecordCipher:
    """Protect the records of one direction (RFC 8446 5.2 and 5.3).

    Args:
        suite: chosen suite.
        secret: traffic secret of that direction.
    """

    __slots__ = ("_aead", "_iv", "_sequence")

    def __init__(self, suite: Suite, secret: bytes) -> None:
        self._aead = suite.aead(expand_label(suite, secret, "key", b"", suite.key_bytes))
        self._iv = expand_label(suite, secret, "iv", b"", _NONCE_BYTES)
        self._sequence = 0

    def open(self, item: Record) -> tuple[int, bytes]:
        """Return inner content type and content of a protected record.

        Raises:
            WireError: it does not decrypt, or holds nothing but padding.
        """
        try:
            inner = self._aead.decrypt(self._nonce(), item.payload, item.header).rstrip(b"\x00")
        except InvalidTag as error:
            raise WireError(Reason.BAD_DATA, "a protected record does not decrypt") from error
        if not inner:
            raise WireError(Reason.BAD_DATA, "a protected record holds only padding")
        return inner[-1], inner[:-1]

    def seal(self, content_type: int, content: bytes) -> bytes:
        """Return a protected record.

        Args:
            content_type: inner content type.
            content: at most 2^14 bytes.
        """
        inner = content + bytes([content_type])
        header = record(APPLICATION_DATA, 0x0303, bytes(len(inner) + 16))[:5]  # 16: the tag
        return header + self._aead.encrypt(self._nonce(), inner, header)

    def _nonce(self) -> bytes:
        sequence, self._sequence = self._sequence, self._sequence + 1
        if sequence > _MAX_SEQUENCE:
            raise WireError(Reason.RESOURCE_LIMIT, "the server sent too many records")
        return (int.from_bytes(self._iv, "big") ^ sequence).to_bytes(_NONCE_BYTES, "big")


def private_key(group: int, seed: bytes) -> PrivateKey:
    """Return a private key made from random bytes.

    Args:
        group: one of GROUPS.
        seed: SEED_BYTES random bytes.
    """
    if group == X25519:
        return x25519.X25519PrivateKey.from_private_bytes(seed[:32])
    curve = _CURVES[group]
    # One bit less than the curve's size is below its order, and an odd number is not 0.
    scalar = int.from_bytes(seed[: curve.key_size // 8], "big") >> 1 | 1
    return ec.derive_private_key(scalar, curve)


def key_share(group: int, key: PrivateKey) -> KeyShare:
    """Return the public share of a private key (RFC 8446 4.2.8).

    Args:
        group: its group.
        key: the private key.
    """
    if isinstance(key, x25519.X25519PrivateKey):
        return KeyShare(group, key.public_key().public_bytes_raw())
    return KeyShare(group, key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def shared_secret(key: PrivateKey, peer: bytes) -> bytes:
    """Return the shared secret of a key exchange (RFC 8446 7.4.2).

    Args:
        key: our private key.
        peer: the server's share in the same group.

    Raises:
        WireError: the share is no point of the group, or one of small order.
    """
    try:
        if isinstance(key, x25519.X25519PrivateKey):
            return key.exchange(x25519.X25519PublicKey.from_public_bytes(peer))
        point = ec.EllipticCurvePublicKey.from_encoded_point(key.curve, peer)
        return key.exchange(ec.ECDH(), point)
    except ValueError as error:
        raise WireError(Reason.BAD_DATA, "the server's key share is no point of its group") from error


def handshake_secrets(suite: Suite, shared: bytes, transcript: bytes) -> Secrets:
    """Return the handshake traffic secrets (RFC 8446 7.1, without a pre-shared key).

    Args:
        suite: chosen suite.
        shared: result of the key exchange.
        transcript: all messages from ClientHello to ServerHello.
    """
    zeros = bytes(suite.hash.digest_size)
    early = _extract(suite, zeros, zeros)
    salt = expand_label(suite, early, "derived", suite.digest(b""), suite.hash.digest_size)
    handshake = _extract(suite, salt, shared)
    context = suite.digest(transcript)
    size = suite.hash.digest_size
    return Secrets(
        expand_label(suite, handshake, "c hs traffic", context, size),
        expand_label(suite, handshake, "s hs traffic", context, size),
    )


def finished(suite: Suite, secret: bytes, transcript: bytes) -> bytes:
    """Return the verify_data of a Finished message (RFC 8446 4.4.4).

    Args:
        suite: chosen suite.
        secret: handshake traffic secret of the side that sends it.
        transcript: all messages before it.
    """
    key = expand_label(suite, secret, "finished", b"", suite.hash.digest_size)
    return _hmac(suite, key, suite.digest(transcript))


def expand_label(suite: Suite, secret: bytes, label: str, context: bytes, length: int) -> bytes:
    """Return HKDF-Expand-Label (RFC 8446 7.1).

    Args:
        suite: chosen suite.
        secret: pseudo-random key.
        label: without the prefix `tls13 `.
        context: a hash, or nothing.
        length: of the output, bytes.
    """
    name = b"tls13 " + label.encode("ascii")
    info = length.to_bytes(2, "big") + bytes([len(name)]) + name + bytes([len(context)]) + context
    return HKDFExpand(suite.hash, length, info).derive(secret)


def _extract(suite: Suite, salt: bytes, material: bytes) -> bytes:
    """Return HKDF-Extract (RFC 5869 2.2)."""
    return _hmac(suite, salt, material)


def _hmac(suite: Suite, key: bytes, data: bytes) -> bytes:
    mac = hmac.HMAC(key, suite.hash)
    mac.update(data)
    return mac.finalize()
