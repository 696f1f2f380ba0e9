"""Read a TLS 1.2 (or older) server's first flight, in which certificates come in clear (RFC 5246 7.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from secmon.checks.tls.hello import parse_server_hello
from secmon.checks.tls.wire import (
    ALERT,
    CHAIN_LIMIT,
    HANDSHAKE,
    TLS10,
    Cursor,
    Message,
    MessageReader,
    Record,
    RecordReader,
    WireError,
    is_fatal,
    parse_alert,
    record,
)
from secmon.core.model import Reason

SERVER_HELLO: Final = 2
CERTIFICATE: Final = 11
CERTIFICATE_REQUEST: Final = 13
_HELLO_REQUEST: Final = 0
_SERVER_HELLO_DONE: Final = 14


@dataclass(frozen=True, slots=True)
class Flight:
    """What a server said to one hello.

    Attributes:
        version: that it chose, None where it chose none.
        alert: description of the fatal alert with which it refused, None where it did not.
        chain: its certificates in DER, the leaf first; empty where none was read.
        client_auth: it asks for a client certificate; None where that was not seen.
        proven: it signed the handshake with the leaf's key, and that was verified.
        unread: why the chain could not be read although the version was chosen, None where it was.
        detail: the same in a few words.
    """

    version: int | None = None
    alert: int | None = None
    chain: tuple[bytes, ...] = ()
    client_auth: bool | None = None
    proven: bool = False
    unread: Reason | None = None
    detail: str = ""


class Conversation(Protocol):
    """A handshake without I/O: bytes in, bytes out."""

    @property
    def opening(self) -> bytes:
        """Return the bytes to send first."""
        ...

    @property
    def finished(self) -> bool:
        """Say whether all that was wanted has been read."""
        ...

    @property
    def received(self) -> int:
        """Return how many bytes the server has sent."""
        ...

    def receive(self, data: bytes) -> bytes:
        """Take bytes from the server and return what to send, mostly nothing; WireError on bad bytes."""
        ...

    def flight(self) -> Flight:
        """Return what was read so far."""
        ...


class PlainFlight:
    """One hello of TLS 1.2 or below, and the server's answer up to ServerHelloDone.

    Args:
        hello: ClientHello message.
        offered: highest version in it.
        whole: False ends as soon as the server has chosen a version.
    """

    __slots__ = (
        "_alert",
        "_chain",
        "_client_auth",
        "_hello",
        "_messages",
        "_offered",
        "_records",
        "_version",
        "_whole",
        "finished",
    )

    def __init__(self, hello: bytes, offered: int, *, whole: bool) -> None:
        self._hello = hello
        self._offered = offered
        self._whole = whole
        self._records = RecordReader()
        self._messages = MessageReader()
        self._version: int | None = None
        self._alert: int | None = None
        self._chain: tuple[bytes, ...] = ()
        self._client_auth: bool | None = None
        self.finished = False

    @property
    def opening(self) -> bytes:
        """Return the hello in a record."""
        return record(HANDSHAKE, TLS10, self._hello)

    @property
    def received(self) -> int:
        """Return how many bytes the server has sent."""
        return self._records.total

    def receive(self, data: bytes) -> bytes:
        """Take bytes from the server; nothing is ever sent in answer.

        Raises:
            WireError: they are no TLS, or not what RFC 5246 allows here.
        """
        for item in self._records.feed(data):
            self._take(item)
            if self.finished:
                break
        return b""

    def flight(self) -> Flight:
        """Return what was read so far."""
        return Flight(self._version, self._alert, self._chain, self._client_auth)

    def _take(self, item: Record) -> None:
        if item.type == ALERT:
            level, description = parse_alert(item.payload)
            if is_fatal(level, description):
                self._alert, self.finished = description, True
        elif item.type == HANDSHAKE:
            for message in self._messages.feed(item.payload):
                self._read(message)
                if self.finished:
                    break
        else:
            raise WireError(
                Reason.BAD_DATA, f"a record of type {item.type} came in the middle of the handshake"
            )

    def _read(self, message: Message) -> None:
        if message.type == _HELLO_REQUEST:
            return
        if self._version is None:
            self._version = self._choose(message)
            self.finished = not self._whole
        elif message.type == CERTIFICATE:
            self._chain = parse_chain(message.body)
        elif message.type == CERTIFICATE_REQUEST:
            self._client_auth = True
        elif message.type == _SERVER_HELLO_DONE:
            self._client_auth = bool(self._client_auth)
            self.finished = True

    def _choose(self, message: Message) -> int:
        if message.type != SERVER_HELLO:
            raise WireError(Reason.BAD_DATA, f"the server began with handshake message {message.type}")
        version = parse_server_hello(message.body).version
        if version > self._offered:
            raise WireError(
                Reason.BAD_DATA, f"the server chose version {version:#06x}, which was not offered"
            )
        return version


def parse_chain(body: bytes) -> tuple[bytes, ...]:
    """Read the certificates of a Certificate message of TLS 1.2 and below.

    Args:
        body: of the handshake message.

    Returns:
        DER, the leaf first.

    Raises:
        WireError: `bad_data`, or `resource_limit` past CHAIN_LIMIT.
    """
    cursor = Cursor(Cursor(body).vector(3))
    chain: list[bytes] = []
    while cursor:
        chain.append(cursor.vector(3))
        check_length(chain)
    return tuple(chain)


def check_length(chain: list[bytes]) -> None:
    """Refuse a chain that is too long to be honest.

    Raises:
        WireError: `resource_limit` past CHAIN_LIMIT.
    """
    if len(chain) > CHAIN_LIMIT:
        raise WireError(Reason.RESOURCE_LIMIT, f"the server sent more than {CHAIN_LIMIT} certificates")
