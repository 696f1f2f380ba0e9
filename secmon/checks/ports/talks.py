"""Choose how to speak with an open port: what to say first, what to wait for, where to say nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from secmon.checks.ports import greetings, stores, webreply

if TYPE_CHECKING:
    from collections.abc import Callable

    from secmon.checks.ports.services import Reply


class Talk(Enum):
    """A way to begin a connection."""

    LISTEN = "listen"  # wait for a greeting, then ask for a page
    WEB = "web"
    TLS = "tls"  # a handshake, then as above inside
    REDIS = "redis"
    MEMCACHED = "memcached"
    POSTGRES = "postgres"
    MONGODB = "mongodb"
    MSSQL = "mssql"
    RDP = "rdp"
    RTSP = "rtsp"


@dataclass(frozen=True, slots=True)
class Question:
    """A message that a server of one kind answers.

    Attributes:
        message: what is sent.
        read: reads the answer; None where it is none of that kind.
        enough: answers that need no waiting for more end like that.
    """

    message: bytes
    read: Callable[[bytes], Reply | None]
    enough: bytes = b""


def _read_rtsp(data: bytes) -> Reply | None:
    return greetings.read_greeting(data, 554) if data.startswith(b"RTSP/") else None


QUESTIONS: Final = {
    Talk.REDIS: Question(stores.REDIS, stores.read_redis, b"\r\n"),
    Talk.MEMCACHED: Question(stores.MEMCACHED, stores.read_memcached, b"\r\n"),
    Talk.POSTGRES: Question(stores.POSTGRES, stores.read_postgres, b"\0\0"),
    Talk.MONGODB: Question(stores.MONGODB, stores.read_mongodb),
    Talk.MSSQL: Question(stores.MSSQL, stores.read_mssql),
    Talk.RDP: Question(stores.RDP, stores.read_rdp),
    Talk.RTSP: Question(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", _read_rtsp, b"\r\n\r\n"),
}

_FIRST: Final = {
    Talk.WEB: "80 81 88 591 2480 3000 5000 5601 5984 7001 8000 8008 8080 8081 8086 8088 8161 8500 8888 "
    "9000 9090 9200 10000 15672",
    Talk.TLS: "443 465 563 636 853 989 990 992 993 995 2083 2087 4343 4443 4444 5061 5986 6443 7443 8006 "
    "8443 8834 9443 10443",
    Talk.REDIS: "6379 6380 16379 26379",
    Talk.MEMCACHED: "11211",
    Talk.POSTGRES: "5432 5433 6432",
    Talk.MONGODB: "27017 27018 27019",
    Talk.MSSQL: "1433 1434",
    Talk.RDP: "3389",
    Talk.RTSP: "554 8554",
}
_BY_PORT: Final = {int(port): talk for talk, ports in _FIRST.items() for port in ports.split()}

GREETS: Final = frozenset({21, 22, 23, 25, 110, 119, 143, 587, 873, 2121, 2222, 2323, 3306, 5038, 5900, 5901})
"""Ports where a greeting is worth a longer wait: some servers look the caller's name up before it."""

GREETS_IN_TLS: Final = frozenset({465, 563, 989, 990, 992, 993, 995})

SAY_NOTHING: Final = frozenset(
    {102, 502, 515, 1911, 2404, 4840, 4911, *range(9100, 9110), 18245, 20000, 34962, 34963, 34964, 44818}
)
"""Printers, which print whatever they are sent, and controllers of machines, which are fragile."""

HANGS_UP: Final = (Talk.REDIS, Talk.MEMCACHED, Talk.POSTGRES, Talk.MONGODB, Talk.TLS)
"""What is worth trying with a server that hangs up on a request for a page: each of these does."""


def plan(port: int) -> tuple[Talk, ...]:
    """Return the ways to speak with a port, the likeliest first; each costs one connection.

    Args:
        port: TCP port.
    """
    first = _BY_PORT.get(port, Talk.LISTEN)
    if port in SAY_NOTHING:
        return (Talk.LISTEN,)
    if first is Talk.TLS:
        return (Talk.TLS, Talk.LISTEN)
    return (first, Talk.TLS) if first in (Talk.WEB, Talk.LISTEN) else (first, Talk.LISTEN, Talk.TLS)


def page(host: str) -> Question:
    """Return the question for the first page of a host."""
    return Question(webreply.request(host), _read_page)


def _read_page(data: bytes) -> Reply | None:
    return webreply.read_reply(data) if webreply.is_reply(data) else None
