"""Read the head and the beginning of a reply of HTTP/1.1 (RFC 9112)."""

from __future__ import annotations

import re
from typing import Final

from secmon.checks.ports.services import Reply, decode
from secmon.core.texts import TEXT_LIMIT

_STATUS: Final = re.compile(rb"HTTP/\d\.\d (\d{3})")
_TITLE: Final = re.compile(r"<title[^>]{0,100}>([^<]{0,300})", re.IGNORECASE)
_NOT_IN_A_NAME: Final = re.compile(r"[^\x21-\x7e]")
_HEADERS: Final = 64
_SHOWN: Final = frozenset({"http.title", "http.server"})

_PLAIN_TO_TLS: Final = 400


def request(host: str) -> bytes:
    """Return a request for the first page.

    Args:
        host: as the target names it, for the header Host.

    Returns:
        The bytes to send.
    """
    name = _NOT_IN_A_NAME.sub("?", f"[{host}]" if ":" in host else host)
    head = f"GET / HTTP/1.1\r\nHost: {name}\r\nUser-Agent: secmon\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    return head.encode("ascii")


def is_reply(data: bytes) -> bool:
    """Tell whether this is a reply of HTTP."""
    return _STATUS.match(data) is not None


def wants_tls(data: bytes) -> bool:
    """Tell whether a plain request was refused as bad, which servers do on ports that speak TLS."""
    status = _STATUS.match(data)
    return status is not None and int(status[1]) == _PLAIN_TO_TLS


def read_reply(data: bytes) -> Reply:
    """Return the texts of a reply: what the page is for before what serves it.

    Args:
        data: the reply, as much of it as was read.
    """
    head, _, body = data.partition(b"\r\n\r\n")
    lines = decode(head).split("\n")
    headers: dict[str, list[str]] = {}
    for line in lines[1 : _HEADERS + 1]:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    page = decode(body)
    title = _TITLE.search(page)
    texts = [
        ("http.title", " ".join(title[1].split()) if title else ""),
        *(("http.authenticate", value) for value in headers.get("www-authenticate", ())),
        *(("http.location", value) for value in headers.get("location", ())),
        *(("http.cookie", value) for value in headers.get("set-cookie", ())),
        ("http.body", page[:TEXT_LIMIT]),
        *(("http.server", value) for value in headers.get("server", ())),
    ]
    shown = [lines[0], *(text for name, text in texts if name in _SHOWN and text)]
    return Reply("http", tuple((name, text) for name, text in texts if text), "; ".join(shown))
