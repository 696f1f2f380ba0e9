"""Ask databases and caches what they are: one message each, no login, no data."""

from __future__ import annotations

import re
import struct
from typing import Final

from secmon.checks.ports.services import Reply, decode

REDIS: Final = b"*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n"
"""INFO server, in the protocol of Redis (RESP)."""

MEMCACHED: Final = b"version\r\n"

POSTGRES: Final = struct.pack(">IHHx", 9, 9, 0)
"""A start-up message of protocol 9.0, which no server has; the error needs no login (PostgreSQL 55.2)."""

_BUILD_INFO: Final = b"\x10buildInfo\x00\x01\x00\x00\x00\x02$db\x00\x06\x00\x00\x00admin\x00"
_OP_MSG: Final = 2013
MONGODB: Final = (
    struct.pack("<4iIxi", 26 + len(_BUILD_INFO), 1, 0, _OP_MSG, 0, 5 + len(_BUILD_INFO))
    + _BUILD_INFO
    + b"\x00"
)
"""buildInfo on admin, in OP_MSG of the wire protocol of MongoDB; answered before a login."""

MSSQL: Final = bytes.fromhex("1201001a00000000 00000b0006 0100110001 ff 000000000000 02")
"""PRELOGIN with a version and without encryption (MS-TDS 2.2.6.5)."""

RDP: Final = bytes.fromhex("030000130ee000000000000100080003000000")
"""A connection request of X.224 with the negotiation of RDP (MS-RDPBCGR 2.2.1.1)."""

_VERSION: Final = re.compile(rb"\x02version\x00.{4}([^\x00]{1,40})\x00", re.DOTALL)
_REDIS_ERROR: Final = re.compile(
    r"-(?:ERR (?:unknown|wrong number|operation not|max number)|DENIED Redis|NOAUTH|NOPERM|LOADING)"
)
_MYSQL_PROTOCOL: Final = b"\x0a"
_MYSQL_ERROR: Final = b"\xff"
_PRELOGIN_REPLY: Final = 0x04


def read_mysql(data: bytes) -> Reply | None:
    """Read the first packet of a server of MySQL or MariaDB; None where it is none.

    It is HandshakeV10 with the version, or an error, when the caller may not connect.
    """
    if len(data) < 8 or data[3] != 0:
        return None
    length = int.from_bytes(data[:3], "little")
    body = data[4 : 4 + length]
    if body[:1] == _MYSQL_PROTOCOL and b"\0" in body:
        version = decode(body[1 : body.index(b"\0")])
    elif body[:1] == _MYSQL_ERROR and length == len(body):
        message = body[3:]
        version = decode(message[6:] if message[:1] == b"#" else message)
    else:
        return None
    return Reply("mysql", (("mysql", version),), version)


def read_postgres(data: bytes) -> Reply | None:
    """Read the ErrorResponse that answers `POSTGRES` (PostgreSQL 55.8); None where it is none."""
    if len(data) < 6 or data[:1] != b"E" or int.from_bytes(data[1:5]) > 30_000:
        return None
    told = {field[:1]: decode(field[1:]) for field in data[5:].split(b"\0") if field}
    if b"S" not in told or b"M" not in told:
        return None
    text = " ".join(told[name] for name in (b"S", b"C", b"M", b"F", b"L", b"R") if name in told)
    return Reply("postgresql", (("postgres", text),), text)


def read_redis(data: bytes) -> Reply | None:
    """Read the reply to `REDIS`: a text or an error; None where it is neither.

    `-DENIED` also comes as a greeting, to callers from outside a server without a password.
    """
    text = decode(data)
    version = re.search(r"^redis_version:.*$", text, re.MULTILINE)
    if data[:1] == b"$" and version:
        return Reply("redis", (("redis", text),), version[0])  # the rest tells paths and ids
    if _REDIS_ERROR.match(text):
        return Reply("redis", (("redis", text),), text)
    return None


def read_memcached(data: bytes) -> Reply | None:
    """Read the reply to `MEMCACHED`; None where it is none."""
    text = decode(data)
    if text.startswith("VERSION ") or text == "ERROR":
        return Reply("memcached", (("memcached", text),), text)
    return None


def read_mongodb(data: bytes) -> Reply | None:
    """Read the reply to `MONGODB`; None where it is none."""
    if len(data) < 21 or struct.unpack_from("<ii", data, 8) != (1, _OP_MSG):
        return None
    version = _VERSION.search(data)
    text = decode(version[1]) if version else ""
    return Reply("mongodb", (("mongodb", text),), text)


def read_mssql(data: bytes) -> Reply | None:
    """Read the reply to `MSSQL`: the option VERSION stands first; None where it is no reply of PRELOGIN."""
    if len(data) < 14 or data[0] != _PRELOGIN_REPLY or data[8] != 0:
        return None
    offset = 8 + int.from_bytes(data[9:11])
    if len(data) < offset + 4:
        return None
    major, minor, build = struct.unpack_from(">BBH", data, offset)
    version = f"{major}.{minor}.{build}"
    return Reply("ms-sql-s", (("mssql", version),), version)


def read_rdp(data: bytes) -> Reply | None:
    """Read the confirmation that answers `RDP` (ITU-T X.224 13.4); None where it is none."""
    if len(data) >= 7 and data[:2] == b"\x03\x00" and data[5] == 0xD0:
        return Reply("rdp", (), "")
    return None
