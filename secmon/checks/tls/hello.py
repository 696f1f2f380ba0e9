"""Build a ClientHello and read a ServerHello or HelloRetryRequest (RFC 8446 4.1, RFC 5246 7.4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from secmon.checks.tls.wire import TLS10, TLS12, TLS13, Cursor, WireError, message, prefixed
from secmon.core.model import Reason

CLIENT_HELLO: Final = 1

X25519: Final = 0x001D
SECP256R1: Final = 0x0017
SECP384R1: Final = 0x0018

SUITES_13: Final = (0x1301, 0x1302, 0x1303)
"""TLS 1.3 suites of RFC 8446 that we can decrypt; the two CCM suites are for constrained devices."""

SUITES_12: Final = (
    0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC0AC, 0xC0AD,  # ECDHE with GCM, ChaCha20, CCM
    0x009E, 0x009F, 0xCCAA, 0xC09E, 0xC09F,  # DHE
    0xC023, 0xC027, 0xC024, 0xC028, 0x0067, 0x006B, 0xC073, 0xC077,  # CBC with SHA-2
    0x009C, 0x009D, 0x003C, 0x003D, 0xC09C, 0xC09D,  # RSA key exchange
)  # fmt: skip
SUITES_OLD: Final = (
    0xC009, 0xC013, 0xC00A, 0xC014, 0x0033, 0x0039, 0x0032, 0x0038,  # (EC)DHE with AES-CBC and SHA-1
    0x002F, 0x0035, 0x0041, 0x0084, 0x0045, 0x0088, 0x0096,  # RSA; Camellia, SEED
    0xC008, 0xC012, 0x0016, 0x000A,  # 3DES
    0xC007, 0xC011, 0x0005, 0x0004,  # RC4
)  # fmt: skip
"""Suites that TLS 1.0 already had; all of them exist in TLS 1.2 too."""

SUITES_MINIMAL: Final = (0xC02F, 0xC02B, 0x009C, 0xC014, 0xC013, 0x0035, 0x002F, 0x000A)
"""For stacks that fail on a long list."""

_EMPTY_RENEGOTIATION_INFO_SCSV: Final = 0x00FF  # RFC 5746 3.3

_SIGNATURES_13: Final = (
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808,  # ECDSA, Ed25519, Ed448
    0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B,  # RSA-PSS
    0x0401, 0x0501, 0x0601,  # RSA PKCS #1 v1.5, in certificates only
)  # fmt: skip
_SIGNATURES_OLD: Final = (0x0303, 0x0301, 0x0203, 0x0201, 0x0402, 0x0302, 0x0202)  # SHA-224, SHA-1, DSA

_GROUPS: Final = (X25519, SECP256R1, SECP384R1, 0x0019, 0x001E, 0x0100, 0x0101)
"""X25519, P-256, P-384, P-521, X448, ffdhe2048, ffdhe3072."""

_SERVER_NAME: Final = 0
_SUPPORTED_GROUPS: Final = 10
_EC_POINT_FORMATS: Final = 11
_SIGNATURE_ALGORITHMS: Final = 13
_PADDING: Final = 21
_EXTENDED_MASTER_SECRET: Final = 23
_SUPPORTED_VERSIONS: Final = 43
_COOKIE: Final = 44
_KEY_SHARE: Final = 51

_RETRY_RANDOM: Final = bytes.fromhex(
    "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"
)  # RFC 8446 4.1.3: a ServerHello with this random is a HelloRetryRequest


@dataclass(frozen=True, slots=True)
class KeyShare:
    """One side's share of a key exchange (RFC 8446 4.2.8).

    Attributes:
        group: code of the group.
        share: public value; empty in a HelloRetryRequest, which only names the group.
    """

    group: int
    share: bytes = b""


@dataclass(frozen=True, slots=True)
class ServerHello:
    """What a server chose.

    Attributes:
        version: chosen version, after supported_versions.
        suite: chosen cipher suite.
        retry: it is a HelloRetryRequest.
        key_share: its share or wanted group, None where it sent none.
        cookie: to be sent back in the second hello, empty where there is none.
    """

    version: int
    suite: int
    retry: bool
    key_share: KeyShare | None
    cookie: bytes


def build_hello(version: int, random: bytes, server_name: str) -> bytes:
    """Return a ClientHello message for TLS 1.2 and below.

    Args:
        version: highest version that it offers.
        random: 32 bytes.
        server_name: for the server_name extension, as an A-label; "" for none.
    """
    modern = version >= TLS12
    suites = (SUITES_12 if modern else ()) + SUITES_OLD + (_EMPTY_RENEGOTIATION_INFO_SCSV,)
    extensions = [
        *_server_name(server_name),
        (_EXTENDED_MASTER_SECRET, b""),
        (_EC_POINT_FORMATS, b"\x01\x00"),
        (_SUPPORTED_GROUPS, prefixed(2, _codes(_GROUPS[:4]))),
    ]
    if modern:
        extensions.append((_SIGNATURE_ALGORITHMS, prefixed(2, _codes(_SIGNATURES_13 + _SIGNATURES_OLD))))
    return _client_hello(version, random, b"", suites, extensions)


def build_minimal_hello(random: bytes) -> bytes:
    """Return a TLS 1.2 ClientHello without extensions, for stacks that fail on a long one.

    Args:
        random: 32 bytes.
    """
    body = TLS12.to_bytes(2, "big") + random + b"\x00" + prefixed(2, _codes(SUITES_MINIMAL)) + b"\x01\x00"
    return message(CLIENT_HELLO, body)


def build_hello_13(
    random: bytes, session: bytes, server_name: str, share: KeyShare, cookie: bytes = b""
) -> bytes:
    """Return a ClientHello message that offers TLS 1.3 and nothing else.

    Args:
        random: 32 bytes; the same in the second hello.
        session: 32 bytes, for middleboxes (RFC 8446 D.4).
        server_name: for the server_name extension, as an A-label; "" for none.
        share: our share.
        cookie: of the HelloRetryRequest that this answers.
    """
    entry = share.group.to_bytes(2, "big") + prefixed(2, share.share)
    extensions = [
        *_server_name(server_name),
        (_SUPPORTED_GROUPS, prefixed(2, _codes(_GROUPS))),
        (_SIGNATURE_ALGORITHMS, prefixed(2, _codes(_SIGNATURES_13))),
        (_SUPPORTED_VERSIONS, b"\x02" + TLS13.to_bytes(2, "big")),
        (_KEY_SHARE, prefixed(2, entry)),
    ]
    if cookie:
        extensions.append((_COOKIE, prefixed(2, cookie)))
    return _client_hello(TLS12, random, session, SUITES_13, extensions)


def parse_server_hello(body: bytes) -> ServerHello:
    """Read a ServerHello or HelloRetryRequest.

    Args:
        body: of the handshake message.

    Raises:
        WireError: `bad_data`.
    """
    cursor = Cursor(body)
    version = cursor.integer(2)
    retry = cursor.take(32) == _RETRY_RANDOM
    cursor.vector(1)
    suite = cursor.integer(2)
    cursor.take(1)
    extensions = _parse_extensions(cursor.vector(2)) if cursor else {}
    if _SUPPORTED_VERSIONS in extensions:
        version = Cursor(extensions[_SUPPORTED_VERSIONS]).integer(2)
    if not TLS10 - 1 <= version <= TLS13:
        raise WireError(Reason.BAD_DATA, f"the server chose the unknown version {version:#06x}")
    share = None
    if version == TLS13 and _KEY_SHARE in extensions:
        entry = Cursor(extensions[_KEY_SHARE])
        group = entry.integer(2)
        share = KeyShare(group, b"" if retry else entry.vector(2))
    cookie = Cursor(extensions[_COOKIE]).vector(2) if _COOKIE in extensions else b""
    return ServerHello(version, suite, retry, share, cookie)


def _client_hello(
    version: int,
    random: bytes,
    session: bytes,
    suites: tuple[int, ...],
    extensions: list[tuple[int, bytes]],
) -> bytes:
    head = version.to_bytes(2, "big") + random + prefixed(1, session)
    head += prefixed(2, _codes(suites)) + b"\x01\x00"
    size = 4 + len(head) + 2 + sum(4 + len(body) for _, body in extensions)
    if 256 <= size < 512:  # some load balancers hang on hellos of that size (RFC 7685 1)
        extensions = [*extensions, (_PADDING, bytes(max(512 - size - 4, 0)))]
    tail = b"".join(code.to_bytes(2, "big") + prefixed(2, body) for code, body in extensions)
    return message(CLIENT_HELLO, head + prefixed(2, tail))


def _server_name(name: str) -> list[tuple[int, bytes]]:
    """Return the extension of RFC 6066 3 (one entry of type host_name), nothing for an empty name."""
    return [(_SERVER_NAME, prefixed(2, b"\x00" + prefixed(2, name.encode("ascii"))))] if name else []


def _codes(codes: tuple[int, ...]) -> bytes:
    return b"".join(code.to_bytes(2, "big") for code in codes)


def _parse_extensions(data: bytes) -> dict[int, bytes]:
    cursor = Cursor(data)
    extensions: dict[int, bytes] = {}
    while cursor:
        code = cursor.integer(2)
        if code in extensions:
            raise WireError(Reason.BAD_DATA, f"the server sent extension {code} twice")
        extensions[code] = cursor.vector(2)
    return extensions
