"""Read and write a client's socket without ever waiting, in the clear; export.tls does the same under TLS."""

from __future__ import annotations

import socket
from typing import Protocol


class Blocked(BlockingIOError):  # noqa: N818  # as its parent in meaning: no error
    """Nothing can be done before the socket is ready for these events, whatever the call was about.

    Args:
        events: selectors.EVENT_READ or EVENT_WRITE.
    """

    def __init__(self, events: int) -> None:
        super().__init__(events)
        self.events = events


class HandshakeFailed(Exception):  # noqa: N818  # what a client did, counted and never logged
    """A client cannot be spoken with.

    Args:
        reason: as `secmon_scrape_rejected_total` counts it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Stream(Protocol):
    """One client's bytes; every call raises BlockingIOError rather than wait."""

    def handshake(self) -> bool:
        """Go on to the end, and say whether the client is one of ours; raises HandshakeFailed."""
        ...

    def recv(self, size: int) -> bytes:
        """Return at most so many bytes, none at the end."""
        ...

    def send(self, data: memoryview) -> int:
        """Send some of the bytes and return how many."""
        ...

    def end(self) -> None:
        """Say that nothing more will be sent; what still comes is read away by recv."""
        ...

    def close(self) -> None:
        """Close the socket."""
        ...


class Plain:
    """A client in the clear.

    Args:
        sock: non-blocking.
    """

    __slots__ = ("_sock", "close", "recv", "send")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.recv = sock.recv
        self.send = sock.send
        self.close = sock.close

    def handshake(self) -> bool:
        """Let the client in at once."""
        return True

    def end(self) -> None:
        """Close our direction."""
        self._sock.shutdown(socket.SHUT_WR)
