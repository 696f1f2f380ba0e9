"""Carry one handshake over one TCP connection, within one deadline."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from secmon.checks.tls.wire import WireError
from secmon.core.contract import Unavailable
from secmon.core.hosts import join_port
from secmon.core.model import Reason

if TYPE_CHECKING:
    from secmon.checks.tls.flight import Conversation, Flight

_CHUNK: Final = 16 * 1024
_OUT_OF_DESCRIPTORS: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


async def converse(address: str, port: int, conversation: Conversation, timeout: float) -> Flight:  # noqa: ASYNC109  # it is the connection's own
    """Connect, carry a handshake to where it finishes, and close.

    Args:
        address: that the gate has let through.
        port: TCP port.
        conversation: fresh; it keeps no state of use afterwards.
        timeout: seconds for everything together, so that a server that drips bytes gains nothing.

    Returns:
        What the server said. Bad bytes after it chose a version leave the rest `unread`.

    Raises:
        Unavailable: `refused unreachable timeout tarpit reset not_tls bad_data resource_limit`.
    """
    where = join_port(address, port)
    try:
        async with asyncio.timeout(timeout):
            with _open(address) as sock:
                await asyncio.get_running_loop().sock_connect(sock, (address, port))
                await _carry(sock, conversation, where)
    except WireError as error:
        flight = conversation.flight()
        if flight.version is None:
            detail = f"{where} does not speak TLS as it should: {error.detail}."
            raise Unavailable(error.reason, detail) from error
        return replace(flight, unread=error.reason, detail=error.detail)
    except TimeoutError as error:
        raise _late(where, conversation.received, timeout) from error
    except OSError as error:
        raise _unavailable(where, error) from error
    return conversation.flight()


async def _carry(sock: socket.socket, conversation: Conversation, where: str) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, conversation.opening)
    while not conversation.finished:
        data = await loop.sock_recv(sock, _CHUNK)
        if not data:
            raise Unavailable(Reason.RESET, f"{where} closed the connection in the middle of the handshake.")
        answer = conversation.receive(data)
        if answer:
            await loop.sock_sendall(sock, answer)


def _open(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    sock.setblocking(False)
    return sock


def _late(where: str, received: int, timeout: float) -> Unavailable:
    if received:
        detail = f"{where} sent {received} bytes in {timeout:g} s and did not finish its answer."
        return Unavailable(Reason.TARPIT, detail)
    return Unavailable(Reason.TIMEOUT, f"{where} did not answer within {timeout:g} s.")


def _unavailable(where: str, error: OSError) -> Unavailable:
    if isinstance(error, ConnectionRefusedError):
        return Unavailable(Reason.REFUSED, f"{where} refuses connections; is the service running?")
    if isinstance(error, ConnectionError):
        return Unavailable(Reason.RESET, f"{where} reset the connection.")
    words = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in _OUT_OF_DESCRIPTORS:
        return Unavailable(Reason.RESOURCE_LIMIT, f"{where} could not be connected to: {words}.")
    return Unavailable(Reason.UNREACHABLE, f"{where} cannot be reached: {words}.")
