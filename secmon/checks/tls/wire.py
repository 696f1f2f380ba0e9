"""Read and write TLS records and handshake messages (RFC 8446 4 and 5.1, RFC 5246 6.2.1 and 7.4)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

TLS10: Final = 0x0301
TLS11: Final = 0x0302
TLS12: Final = 0x0303
TLS13: Final = 0x0304

NAMES: Final = {TLS10: "TLS1.0", TLS11: "TLS1.1", TLS12: "TLS1.2", TLS13: "TLS1.3"}
"""Version on the wire -> as facts and rules spell it."""

CHANGE_CIPHER_SPEC: Final = 20
ALERT: Final = 21
HANDSHAKE: Final = 22
APPLICATION_DATA: Final = 23

CONVERSATION_LIMIT: Final = 256 * 1024
"""Bytes that one server may send in one handshake."""

CHAIN_LIMIT: Final = 16
"""Certificates that one server may send."""

_HEADER: Final = struct.Struct("!BBBH")  # content type, major and minor version, length
_RECORD_LIMIT: Final = (1 << 14) + 2048  # RFC 5246 6.2.3; TLS 1.3 allows 256 over 2^14
_RECORD_TYPES: Final = range(CHANGE_CIPHER_SPEC, APPLICATION_DATA + 1)
_WARNING: Final = 1
_CLOSE_NOTIFY: Final = 0
_SSL3_MAJOR: Final = 3  # of every version from SSL 3.0 to TLS 1.3


class WireError(Exception):
    """A server said what no TLS server may say, or too much of it.

    Args:
        reason: `not_tls`, `bad_data` or `resource_limit`.
        detail: what, in a few words.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Record:
    """One TLS record.

    Attributes:
        type: content type.
        header: its five bytes, the additional data of TLS 1.3's AEAD.
        payload: the fragment.
    """

    type: int
    header: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """One handshake message.

    Attributes:
        type: handshake type.
        body: what follows the four bytes of the header.
        raw: the whole message, as the transcript wants it.
    """

    type: int
    body: bytes
    raw: bytes


class Cursor:
    """Walk through bytes; every step past the end is a WireError.

    Args:
        data: a message's body or a part of it.
    """

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def __bool__(self) -> bool:
        """Say whether anything is left."""
        return self._position < len(self._data)

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes.

        Raises:
            WireError: fewer are left.
        """
        end = self._position + count
        if end > len(self._data):
            raise WireError(Reason.BAD_DATA, "a handshake message ends too early")
        start, self._position = self._position, end
        return self._data[start:end]

    def integer(self, width: int) -> int:
        """Return the next `width` bytes as an unsigned integer.

        Raises:
            WireError: fewer are left.
        """
        return int.from_bytes(self.take(width), "big")

    def vector(self, width: int) -> bytes:
        """Return a vector whose length stands in `width` bytes before it (RFC 8446 3.4).

        Raises:
            WireError: fewer bytes are left than the length says.
        """
        return self.take(self.integer(width))


class RecordReader:
    """Cut a byte stream into records."""

    __slots__ = ("_buffer", "total")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.total = 0  # bytes fed so far

    def feed(self, data: bytes) -> Iterator[Record]:
        """Add bytes and yield the records that they complete.

        Args:
            data: what came from the socket.

        Yields:
            Records in order.

        Raises:
            WireError: `not_tls` where the bytes are no TLS record; `resource_limit` past CONVERSATION_LIMIT.
        """
        self.total += len(data)
        if self.total > CONVERSATION_LIMIT:
            raise WireError(Reason.RESOURCE_LIMIT, f"the handshake is longer than {CONVERSATION_LIMIT} bytes")
        self._buffer += data
        while (size := self._complete()) > 0:
            record = bytes(self._buffer[:size])
            del self._buffer[:size]
            yield Record(record[0], record[: _HEADER.size], record[_HEADER.size :])

    def _complete(self) -> int:
        """Return the size of the first record, 0 while it is incomplete; judge its header byte by byte."""
        have = self._buffer
        foreign = (have and have[0] not in _RECORD_TYPES) or (len(have) > 1 and have[1] != _SSL3_MAJOR)
        if foreign:
            raise WireError(Reason.NOT_TLS, "the answer is no TLS record")
        if len(have) < _HEADER.size:
            return 0
        length = _HEADER.unpack_from(have)[3]
        if length > _RECORD_LIMIT:
            raise WireError(Reason.NOT_TLS, f"the answer claims a record of {length} bytes")
        size = _HEADER.size + length
        return size if len(have) >= size else 0


class MessageReader:
    """Join the fragments of handshake records into messages."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def pending(self) -> bool:
        """Say whether a message has begun and not ended."""
        return bool(self._buffer)

    def feed(self, fragment: bytes) -> Iterator[Message]:
        """Add a fragment and yield the messages that it completes.

        Args:
            fragment: payload of a handshake record, decrypted where it was encrypted.

        Yields:
            Messages in order.

        Raises:
            WireError: an empty fragment (RFC 8446 5.1), or a message past CONVERSATION_LIMIT.
        """
        if not fragment:
            raise WireError(Reason.BAD_DATA, "a handshake record is empty")
        self._buffer += fragment
        while len(self._buffer) >= 4:
            size = 4 + int.from_bytes(self._buffer[1:4], "big")
            if size > CONVERSATION_LIMIT:
                raise WireError(Reason.RESOURCE_LIMIT, f"a handshake message claims {size} bytes")
            if len(self._buffer) < size:
                return
            raw = bytes(self._buffer[:size])
            del self._buffer[:size]
            yield Message(raw[0], raw[4:], raw)


def record(content_type: int, version: int, payload: bytes) -> bytes:
    """Return one record.

    Args:
        content_type: such as HANDSHAKE.
        version: on the wire; TLS10 for a first hello (RFC 8446 5.1).
        payload: at most 2^14 bytes.
    """
    return _HEADER.pack(content_type, version >> 8, version & 0xFF, len(payload)) + payload


def message(handshake_type: int, body: bytes) -> bytes:
    """Return one handshake message.

    Args:
        handshake_type: such as 1 for ClientHello.
        body: fewer than 2^24 bytes.
    """
    return bytes([handshake_type]) + prefixed(3, body)


def prefixed(width: int, body: bytes) -> bytes:
    """Return a vector: its length in `width` bytes, then its bytes."""
    return len(body).to_bytes(width, "big") + body


def parse_alert(payload: bytes) -> tuple[int, int]:
    """Return level and description of an alert (RFC 8446 6).

    Raises:
        WireError: it is not two bytes long.
    """
    if len(payload) != 2:
        raise WireError(Reason.BAD_DATA, "an alert is not two bytes long")
    return payload[0], payload[1]


def is_fatal(level: int, description: int) -> bool:
    """Say whether an alert ends the handshake: all do but warnings such as unrecognized_name (RFC 6066 3).

    Args:
        level: of the alert.
        description: of the alert.
    """
    return level != _WARNING or description == _CLOSE_NOTIFY
