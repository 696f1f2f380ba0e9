from __future__ import annotations

import random
import struct

import pytest

from secmon.checks.ports import stores


def packet(body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + b"\0" + body


def error(*fields: bytes) -> bytes:
    body = b"".join(field + b"\0" for field in fields) + b"\0"
    return b"E" + (len(body) + 4).to_bytes(4) + body


def document(*elements: bytes) -> bytes:
    body = b"".join(elements)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def text(name: bytes, value: bytes) -> bytes:
    return b"\x02" + name + b"\0" + struct.pack("<i", len(value) + 1) + value + b"\0"


HANDSHAKE = packet(b"\x0a8.0.36\0" + bytes(60))
BUILD = document(text(b"version", b"7.0.4"), text(b"gitVersion", b"00"))
MESSAGE = struct.pack("<4iIx", 21 + len(BUILD), 9, 1, 2013, 0) + BUILD
INFO = b"$60\r\n# Server\r\nredis_version:7.0.15\r\nexecutable:/usr/bin/redis\r\n\r\n"
PRELOGIN = bytes.fromhex("0401002b0000010000001a00060100200001ff") + bytes(15) + b"\x10\0\x03\xe8\0\0\0"


def test_mysql_tells_its_version_or_why_not():
    assert stores.read_mysql(HANDSHAKE).texts == (("mysql", "8.0.36"),)
    refusal = packet(b"\xff\x6a\x04Host '192.0.2.1' is not allowed to connect to this MySQL server")
    assert stores.read_mysql(refusal).banner.startswith("Host '192.0.2.1' is not allowed")
    stated = packet(b"\xff\x10\x04#08004Too many connections")
    assert stores.read_mysql(stated).banner == "Too many connections"


@pytest.mark.parametrize(
    "data", [b"", b"\x05\0\0\0\x0a", packet(b"\x09x\0abc"), packet(b"\x0aabcdefgh"), b"SSH-2.0-x\r\n"]
)
def test_what_is_no_mysql(data):
    assert stores.read_mysql(data) is None


def test_postgres_tells_where_its_error_was_raised():
    told = stores.read_postgres(
        error(b"SFATAL", b"VFATAL", b"C0A000", b"Mno", b"Fpostmaster.c", b"L2222", b"RProcessStartupPacket")
    )
    assert told.service == "postgresql"
    assert told.texts == (("postgres", "FATAL 0A000 no postmaster.c 2222 ProcessStartupPacket"),)
    assert stores.read_postgres(error(b"Xx")) is None
    assert stores.read_postgres(b"ERROR\r\n") is None, "that is memcached"


def test_the_start_up_message_says_its_length():
    assert len(stores.POSTGRES) == int.from_bytes(stores.POSTGRES[:4])


def test_redis_tells_its_version_and_no_path():
    assert stores.read_redis(INFO).banner == "redis_version:7.0.15"
    assert stores.read_redis(b"-NOAUTH Authentication required.\r\n").service == "redis"
    assert stores.read_redis(b"-DENIED Redis is running in protected mode").service == "redis"
    assert stores.read_redis(b"-ERR [AUTH] bad") is None, "that is POP3"
    assert stores.read_redis(b"$5\r\nhello\r\n") is None


def test_memcached():
    assert stores.read_memcached(b"VERSION 1.6.18\r\n").texts == (("memcached", "VERSION 1.6.18"),)
    assert stores.read_memcached(b"ERROR\r\n").service == "memcached"
    assert stores.read_memcached(b"ERRORS\r\n") is None


def test_mongodb_tells_its_version():
    assert stores.read_mongodb(MESSAGE).texts == (("mongodb", "7.0.4"),)
    unwilling = document(text(b"errmsg", b"no"))
    assert (
        stores.read_mongodb(struct.pack("<4iIx", 21 + len(unwilling), 9, 1, 2013, 0) + unwilling).banner == ""
    )
    assert stores.read_mongodb(b"x" * 40) is None


def test_the_question_to_mongodb_is_bson():
    assert len(stores.MONGODB) == int.from_bytes(stores.MONGODB[:4], "little")
    asked = stores.MONGODB[21:]
    assert asked == document(b"\x10buildInfo\0" + struct.pack("<i", 1), text(b"$db", b"admin"))


def test_sql_server_tells_its_version():
    assert stores.read_mssql(PRELOGIN).texts == (("mssql", "16.0.1000"),)
    assert stores.read_mssql(PRELOGIN[:20]) is None
    assert stores.read_mssql(b"HTTP/1.1 400 Bad Request\r\n") is None
    assert len(stores.MSSQL) == int.from_bytes(stores.MSSQL[2:4])


def test_rdp_confirms():
    assert stores.read_rdp(bytes.fromhex("030000130ed000001234000209080002000000")).service == "rdp"
    assert stores.read_rdp(bytes.fromhex("030000130ef0")) is None
    assert len(stores.RDP) == stores.RDP[3]


def test_no_bytes_break_a_reader():
    readers = (
        stores.read_mysql, stores.read_postgres, stores.read_redis, stores.read_memcached, stores.read_mongodb,
        stores.read_mssql, stores.read_rdp,
    )  # fmt: skip
    source = random.Random(3)
    for whole in (HANDSHAKE, error(b"SFATAL", b"Mno"), INFO, MESSAGE, PRELOGIN):
        for _ in range(200):
            data = bytearray(whole[: source.randrange(len(whole) + 1)])
            for _ in range(min(4, len(data))):
                data[source.randrange(len(data))] = source.randrange(256)
            for read in readers:
                read(bytes(data))
