"""Read the container of an SSH signature (OpenSSH, PROTOCOL.sshsig); what proves it is not computed here."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass
from typing import Final

SIZE_LIMIT: Final = 32_768
"""Bytes of an armoured signature; one of an RSA key of 16,384 bits has 6,000."""

_BEGIN: Final = b"-----BEGIN SSH SIGNATURE-----"
_END: Final = b"\n-----END SSH SIGNATURE-----"
_MAGIC: Final = b"SSHSIG"
_VERSION: Final = 1
_HASHES: Final = {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}


class BadSignature(ValueError):  # noqa: N818  # it says of a file what is wrong with it
    """The bytes are no signature."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signature file holds; nothing of it is proven yet.

    Attributes:
        key: the public key's wire encoding (RFC 4253 6.6), which says who claims to have signed.
        namespace: what it was signed for.
        hash_name: hash of the message, `sha256` or `sha512`.
        algorithm: of the signature, such as `rsa-sha2-512`.
        value: the signature as its algorithm encodes it.
        rest: what follows the value; FIDO keys put flags and a counter there (PROTOCOL.u2f).
    """

    key: bytes
    namespace: bytes
    hash_name: bytes
    algorithm: bytes
    value: bytes
    rest: bytes


class Reader:
    """Takes values off the front of bytes in the encoding of RFC 4251 section 5.

    Args:
        data: what is read.
    """

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """Return the next bytes.

        Raises:
            BadSignature: there are fewer.
        """
        end = self._at + count
        if end > len(self._data):
            raise BadSignature("it is cut short")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def uint32(self) -> int:
        """Return a `uint32`."""
        (number,) = struct.unpack(">I", self.take(4))
        return int(number)

    def string(self) -> bytes:
        """Return a `string`."""
        return self.take(self.uint32())

    def mpint(self) -> int:
        """Return an `mpint`, which is never negative in signatures."""
        data = self.string()
        if data and data[0] & 0x80:
            raise BadSignature("a number in it is negative")
        return int.from_bytes(data, "big")

    def rest(self) -> bytes:
        """Return all that is left."""
        return self.take(len(self._data) - self._at)


def parse(armoured: bytes) -> Signature:
    """Read a signature file.

    Args:
        armoured: what `ssh-keygen -Y sign` wrote.

    Returns:
        What it holds. The reserved field is ignored, as the format says.

    Raises:
        BadSignature: it is none.
    """
    reader = Reader(_dearmour(armoured))
    if reader.take(len(_MAGIC)) != _MAGIC:
        raise BadSignature("it is no SSH signature")
    version = reader.uint32()
    if version != _VERSION:
        raise BadSignature(f"its version is {version}, and {_VERSION} is known")
    key, namespace, _reserved, hash_name, blob = (reader.string() for _ in range(5))
    if reader.rest():
        raise BadSignature("something follows its end")
    if hash_name not in _HASHES:
        raise BadSignature("its hash is neither sha256 nor sha512")
    inner = Reader(blob)
    return Signature(key, namespace, hash_name, inner.string(), inner.string(), inner.rest())


def _dearmour(armoured: bytes) -> bytes:
    if len(armoured) > SIZE_LIMIT:
        raise BadSignature(f"it is larger than {SIZE_LIMIT} bytes")
    head, _, body = armoured.partition(b"\n")
    text, footer, after = body.partition(_END)
    if head != _BEGIN or not footer or after.strip():
        raise BadSignature("it does not begin and end as an SSH signature")
    joined = b"".join(text.split())
    try:
        data = base64.b64decode(joined, validate=True)
    except binascii.Error as error:
        raise BadSignature("it is not base64") from error
    if base64.b64encode(data) != joined:  # bits behind the end would be ignored otherwise
        raise BadSignature("it is not base64")
    return data


def signed_bytes(signature: Signature, message: bytes) -> bytes:
    """Return the bytes that the key signed (PROTOCOL.sshsig section 3).

    Args:
        signature: gives namespace and hash.
        message: the file that was signed.
    """
    digest = _HASHES[signature.hash_name](message).digest()
    fields = (signature.namespace, b"", signature.hash_name, digest)
    return _MAGIC + b"".join(struct.pack(">I", len(field)) + field for field in fields)


def fingerprint(key: bytes) -> str:
    """Return a public key's fingerprint as `ssh-keygen -l` shows it.

    Args:
        key: its wire encoding.
    """
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
