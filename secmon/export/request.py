"""Read the head of an HTTP/1.1 request and write the head of a response (RFC 9110, RFC 9112); no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from string import ascii_letters, digits
from typing import Final

HEAD_LIMIT: Final = 8192
"""Bytes of a request's head, its last empty line included."""

_TOKEN: Final = frozenset(ascii_letters + digits + "!#$%&'*+-.^_`|~")
_METHODS: Final = ("GET", "HEAD")


class Refusal(Exception):  # noqa: N818  # an answer to the client, not an error of the program
    """A request that is not served.

    Args:
        status: of the response.
        reason: as `secmon_scrape_rejected_total` counts it.
    """

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for.

    Attributes:
        path: without query, as sent.
        head_only: HEAD: the body stays here.
        gzip: the client takes gzip.
        keep_alive: the connection stays open afterwards.
        authorization: value of that header, "" where there is none; it holds a password.
    """

    path: str
    head_only: bool
    gzip: bool
    keep_alive: bool
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """What a client gets.

    Attributes:
        status: of the response.
        body: as sent.
        content_type: of the body.
        headers: more header lines.
    """

    status: HTTPStatus
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


def parse(head: bytes) -> Request:
    """Read the head of a request.

    Args:
        head: everything up to, and without, the empty line that ends it.

    Returns:
        The request: GET or HEAD, without a body.

    Raises:
        Refusal: it is malformed, too new, has a body, or another method.
    """
    try:
        first, *lines = head.decode("ascii").split("\r\n")
    except UnicodeDecodeError:
        raise _bad() from None
    method, target, version = _request_line(first)
    headers = _headers(lines)
    hosts, authorization = headers.get("host", []), headers.get("authorization", [""])
    if len(hosts) > 1 or len(authorization) > 1 or (version == "HTTP/1.1" and not hosts):
        raise _bad()
    if method not in _METHODS:
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed")
    if "transfer-encoding" in headers or set(headers.get("content-length", ["0"])) != {"0"}:
        raise _bad()
    return Request(
        path=_path(target),
        head_only=method == "HEAD",
        gzip=_takes_gzip(",".join(headers.get("accept-encoding", []))),
        keep_alive=_keeps_alive(version, ",".join(headers.get("connection", []))),
        authorization=authorization[0],
    )


def _bad() -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "bad_request")


def _request_line(line: str) -> tuple[str, str, str]:
    parts = line.split(" ")
    if len(parts) != 3 or not parts[0] or not _TOKEN.issuperset(parts[0]) or not _is_visible(parts[1]):
        raise _bad()
    method, target, version = parts
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        if version.startswith("HTTP/") and version[5:6].isdigit():
            raise Refusal(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "bad_request")
        raise _bad()
    return method, target, version


def _is_visible(target: str) -> bool:
    return bool(target) and all("!" <= character <= "~" for character in target)


def _headers(lines: list[str]) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        # A name with a blank is a folded line or a smuggling attempt (RFC 9112 5.1, 5.2).
        if not colon or not name or not _TOKEN.issuperset(name) or not _is_value(value):
            raise _bad()
        headers.setdefault(name.lower(), []).append(value.strip(" \t"))
    return headers


def _is_value(value: str) -> bool:
    return all(character == "\t" or " " <= character <= "~" for character in value)


def _path(target: str) -> str:
    scheme, separator, rest = target.partition("://")
    if separator and scheme.lower() in ("http", "https"):  # absolute-form (RFC 9112 3.2.2)
        target = "/" + rest.partition("/")[2]
    return target.partition("?")[0]


def _takes_gzip(value: str) -> bool:
    """Say whether Accept-Encoding takes gzip (RFC 9110 12.5.3); the coding's own line wins over `*`."""
    weights: dict[str, bool] = {}
    for item in value.lower().split(","):
        coding, *parameters = (part.strip() for part in item.split(";"))
        weights[coding] = not any(_is_zero(parameter) for parameter in parameters)
    return weights.get("gzip", weights.get("*", False))


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and not value.strip(" 0.")


def _keeps_alive(version: str, value: str) -> bool:
    options = {option.strip() for option in value.lower().split(",")}
    if version == "HTTP/1.0":
        return "keep-alive" in options
    return "close" not in options


def head(response: Response, now: float, *, keep_alive: bool) -> bytes:
    """Write the head of a response.

    Args:
        response: its body is announced, not included.
        now: Unix seconds, for Date.
        keep_alive: the connection stays open.

    Returns:
        The head with its empty line.
    """
    lines = [
        f"HTTP/1.1 {response.status.value} {response.status.phrase}",
        f"Date: {formatdate(now, usegmt=True)}",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {len(response.body)}",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
        "X-Content-Type-Options: nosniff",
        *(f"{name}: {value}" for name, value in response.headers),
    ]
    return "\r\n".join((*lines, "", "")).encode("ascii")
