"""Find the certificates in the bytes of a file: PEM blocks (RFC 7468), or one certificate in DER."""

from __future__ import annotations

import base64
import binascii
import re
from itertools import islice
from typing import Final

FILE_CERTIFICATES: Final = 500
"""Certificates that are taken from one file; a system's whole trust store has about 150."""

_BEGIN: Final = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----")
_BLOCK: Final = re.compile(_BEGIN.pattern + rb"([^-]*)-----END (?:X509 )?CERTIFICATE-----")
_DER_SEQUENCE: Final = b"\x30\x82"  # a SEQUENCE of 256 to 65,535 bytes: every real certificate


def find_certificates(data: bytes) -> list[bytes | None]:
    """Return the certificates in a file; private keys and all other blocks are never looked into.

    Args:
        data: the whole file.

    Returns:
        DER in the order of the file, at most FILE_CERTIFICATES; None for a block that does not decode.
    """
    if data.startswith(_DER_SEQUENCE):
        return [data]
    begins = islice(_BEGIN.finditer(data), FILE_CERTIFICATES)
    return [_decode(data, begin.start()) for begin in begins]


def _decode(data: bytes, start: int) -> bytes | None:
    block = _BLOCK.match(data, start)
    if block is None:
        return None
    try:
        return base64.b64decode(b"".join(block[1].split()), validate=True) or None
    except binascii.Error:
        return None
