"""Hold one connection: what was read of it, up to a limit, and when to stop waiting."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.probe.attempts import end_by_reset
from secmon.checks.ports.probe.tcpinfo import tcp_info

if TYPE_CHECKING:
    from collections.abc import Callable

READ_LIMIT: Final = 4096
"""Bytes read of a connection: the head of a page and its title; each text that is matched is cut further."""

_RECEIVE_BUFFER: Final = 4096  # bytes: who sends without end is soon stopped, and costs few acknowledgements
_GAP_SECONDS: Final = 0.25  # of silence, after which a message of unknown length is taken for whole


_PER_READ: Final = 5
"""Packets between two reads at most: a message or the end, and the acknowledgements of a window."""


class MeteredSocket(socket.socket):
    """A TCP socket that costs its host no more packets than were set aside for it.

    The peer sends a window at most until it is read again. So each read is the place to stop: there a
    connection that has cost nearly all it may meets its end, in TLS too.

    Attributes:
        most: packets that it may cost.
        cost: packets that it did cost, and what may still follow its reset; `most` until it is closed.
    """

    def __init__(self, family: int, most: int) -> None:
        super().__init__(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self.most = self.cost = most
        self._closed_by_peer = False

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Read, unless too much was sent already."""
        self._check()
        data = super().recv(size, flags)
        self._closed_by_peer = not data
        return data

    def recv_into(self, buffer: bytearray | memoryview, size: int = 0, flags: int = 0) -> int:  # type: ignore[override]
        """Read, unless too much was sent already."""
        self._check()
        got = super().recv_into(buffer, size, flags)
        self._closed_by_peer = not got
        return got

    def close(self) -> None:
        """Close it, and note what it cost."""
        if self.fileno() >= 0 and (sent := self._sent()) is not None:
            self.cost = min(sent + (1 if self._closed_by_peer else _PER_READ), self.most)
        super().close()

    def _check(self) -> None:
        if (self._sent() or 0) > self.most - _PER_READ:
            raise ConnectionAbortedError(errno.ECONNABORTED, "it costs too many packets")

    def _sent(self) -> int | None:
        try:
            return tcp_info(self).sent
        except OSError:
            return None


class Line(asyncio.Protocol):
    """The receiving end of a connection; it keeps the first bytes and stops reading beyond."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = False
        self.failure: Exception | None = None
        self._read = 0  # bytes that a caller was given
        self._news = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the way to send."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # a TCP connection has no other
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Keep what came, up to the limit; the rest is never read."""
        self.data += data[: READ_LIMIT - len(self.data)]
        if len(self.data) >= READ_LIMIT:
            self.ended = True
            self.close()
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nothing more will come."""
        self.ended = True
        self.failure = exc
        self._news.set()

    def send(self, data: bytes) -> None:
        """Send a message, unless the other side is gone."""
        if self._transport is not None and not self.ended:
            self._transport.write(data)

    def close(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def certificate(self) -> bytes:
        """Return the other side's certificate (DER), nothing where it has none."""
        over = self._transport.get_extra_info("ssl_object") if self._transport is not None else None
        return (over.getpeercert(binary_form=True) or b"") if over is not None else b""

    async def read(self, enough: Callable[[bytes], bool], wait: float, most: float) -> bytes:
        """Wait for a message.

        Args:
            enough: tells of what has come that the message is whole.
            wait: seconds to wait for its first byte.
            most: seconds that the whole may take, also one byte after the other.

        Returns:
            What has come since the connection began; nothing where it said nothing.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + most
        patience = loop.time() + wait
        while not self.ended and not (len(self.data) > self._read and enough(bytes(self.data))):
            self._news.clear()
            left = min(end, patience) - loop.time()
            if left <= 0:
                break
            seen = len(self.data)
            try:
                async with asyncio.timeout(left):
                    await self._news.wait()
            except TimeoutError:
                continue
            if len(self.data) > seen:
                patience = loop.time() + _GAP_SECONDS
        self._read = len(self.data)
        return bytes(self.data)


async def connect(sock: MeteredSocket, address: str, port: int, seconds: float) -> None:
    """Open a TCP connection; its end will be a reset.

    After a FIN the peer may send when it likes, a minute later too, and the kernel would answer.

    Raises:
        OSError: it was refused, reset, or took longer; TimeoutError is one.
    """
    end_by_reset(sock)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    async with asyncio.timeout(seconds):
        await asyncio.get_running_loop().sock_connect(sock, (address, port))


async def converse(sock: socket.socket, context: ssl.SSLContext | None, name: str, seconds: float) -> Line:
    """Take a connection over, and shake hands where a context says so.

    Args:
        sock: connected.
        context: of TLS, None for a plain connection.
        name: server name to indicate (RFC 6066 3), "" for none.
        seconds: that the handshake may take.

    Raises:
        OSError: the handshake failed; ssl.SSLError is one.
    """
    async with asyncio.timeout(seconds):
        _, line = await asyncio.get_running_loop().create_connection(
            Line, sock=sock, ssl=context, server_hostname=name if context else None
        )
    return line


def lenient_context() -> ssl.SSLContext:
    """Return a context that speaks with any server, however old: nobody is trusted, no secret is said."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)  # named since Python 3.12
    return context
