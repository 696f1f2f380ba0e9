"""Ask for a key exchange: the first message of IKE, in both versions (RFC 7296, RFC 2409).

It offers what most gateways take or refuse with a word; nothing follows, so no key is made.
"""

from __future__ import annotations

import struct
from typing import Final

_INITIATOR: Final = b"secmon\x5e\xc0"
_HEADER: Final = struct.Struct(">8s8sBBBBII")  # RFC 7296 3.1; RFC 2408 3.1 is the same but for its names

NO_ESP: Final = bytes(4)
"""What tells IKE from ESP on port 4500 (RFC 3948 2.2)."""


def _payload(following: int, body: bytes) -> bytes:
    return struct.pack(">BxH", following, len(body) + 4) + body


def _message(first: int, version: int, exchange: int, flags: int, payloads: bytes) -> bytes:
    size = _HEADER.size + len(payloads)
    return _HEADER.pack(_INITIATOR, bytes(8), first, version, exchange, flags, 0, size) + payloads


def _chained(bodies: list[bytes]) -> bytes:
    """Return substructures of which all but the last say that more follow (RFC 7296 3.3.2)."""
    more = [3] * (len(bodies) - 1) + [0]
    return b"".join(_payload(flag, body) for flag, body in zip(more, bodies, strict=True))


def _version_2() -> bytes:
    """Return IKE_SA_INIT (RFC 7296 1.2): one proposal, a key share for Curve25519 (RFC 8031), a nonce."""
    key_length = struct.pack(">HH", 0x800E, 256)
    transforms = [
        struct.pack(">BxH", 1, 12) + key_length,  # AES-CBC
        *(struct.pack(">BxH", 2, number) for number in (5, 2)),  # PRF: HMAC-SHA2-256, HMAC-SHA1
        *(struct.pack(">BxH", 3, number) for number in (12, 2)),  # integrity, the same
        *(struct.pack(">BxH", 4, number) for number in (14, 19, 31, 2)),  # groups
    ]
    proposal = struct.pack(">BBBB", 1, 1, 0, len(transforms)) + _chained(transforms)
    share = struct.pack(">HH", 31, 0) + b"\x09" + bytes(31)
    payloads = _payload(34, _payload(0, proposal)) + _payload(40, share) + _payload(0, _INITIATOR * 4)
    return _message(33, 0x20, 34, 0x08, payloads)


def _version_1() -> bytes:
    """Return the first message of main mode (RFC 2409 5): AES or 3DES, SHA, a shared key or certificates."""
    offers = [
        (cipher, method, group) for cipher in ((7, 256), (5, 0)) for method in (1, 3) for group in (14, 2)
    ]
    transforms = []
    for number, ((cipher, bits), method, group) in enumerate(offers, start=1):
        attributes = [(1, cipher), (2, 2), (3, method), (4, group), (11, 1), (12, 28_800)]
        attributes += [(14, bits)] if bits else []
        basic = b"".join(struct.pack(">HH", 0x8000 | kind, value) for kind, value in attributes)
        transforms.append(struct.pack(">BBxx", number, 1) + basic)
    proposal = struct.pack(">BBBB", 1, 1, 0, len(transforms)) + _chained(transforms)
    association = struct.pack(">II", 1, 1) + _payload(0, proposal)  # RFC 2407 4.6.1: IPsec, identity only
    return _message(1, 0x10, 2, 0, _payload(0, association))


VERSION_2: Final = _version_2()
VERSION_1: Final = _version_1()


def recognise(data: bytes) -> str:
    """Return `isakmp` for a message of either version that goes with our number, "" for anything else."""
    if len(data) < _HEADER.size:
        return ""
    number, _, _, version, _, _, _, size = _HEADER.unpack_from(data)
    known = number == _INITIATOR and version >> 4 in {1, 2} and size >= _HEADER.size
    return "isakmp" if known else ""


def recognise_behind_nat(data: bytes) -> str:
    """Return the same of what came from port 4500."""
    return recognise(data[len(NO_ESP) :]) if data.startswith(NO_ESP) else ""
