"""Speak with the clients of the metrics page in the core's own loop: nothing here ever waits."""

from __future__ import annotations

import selectors
import socket
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from secmon.export.guard import Guard
from secmon.export.passwords import Busy, Passwords
from secmon.export.pool import Connection, Pool, State
from secmon.export.request import HEAD_LIMIT, Refusal, Request, Response, head, parse
from secmon.export.streams import Blocked, HandshakeFailed
from secmon.export.tls import HANDSHAKE

if TYPE_CHECKING:
    from collections.abc import Callable


DEADLINE_SECONDS: Final = 5.0
"""Time for one whole exchange: for the handshake, and for waiting for a request and taking the response."""
REASONS: Final = (
    "accept_failed",
    "bad_request",
    "client_certificate",
    "head_too_large",
    "method_not_allowed",
    "not_found",
    "timeout",
    "tls_handshake",
    "too_many_connections",
    "too_many_logins",
    "unauthorized",
)
"""Every value of the label of secmon_scrape_rejected_total."""

_MAX_REQUESTS: Final = 100  # on one connection
_LINGER_SECONDS: Final = 1.0
_ASK_FOR_PASSWORD: Final = (("WWW-Authenticate", 'Basic realm="secmon", charset="UTF-8"'),)  # RFC 7617
_NOT_ALLOWED: Final = b"403 Forbidden\nThe certificate has no name of client_allowed_sans.\n"
_USE_TLS: Final = b"400 Bad Request\nThis port speaks TLS: use https://\n"


class Connections:
    """Every client.

    Args:
        selector: of the core's loop; what is registered has a callable as its data, which the loop calls.
        respond: answers a request that may be answered.
        monotonic: clock for deadlines, seconds.
        wall: clock for Date, Unix seconds.

    Attributes:
        rejected: reason -> requests and connections that were refused.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        respond: Callable[[Request], Response],
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._respond = respond
        self._monotonic = monotonic
        self._wall = wall
        self._guard = Guard()
        self._passwords: Passwords[Connection] = Passwords(selector, self._settle)
        self._pool = Pool(selector, self._serve, partial(self._count, "too_many_connections"))
        self.rejected = dict.fromkeys(REASONS, 0)

    def use(self, guard: Guard) -> None:
        """Let clients in by this guard from now on; those that wait for nothing have to come again.

        Args:
            guard: certificate and passwords.
        """
        self._guard = guard
        self._passwords.use(guard.hashes, guard.verify)
        for connection in list(self._pool):
            if connection.is_idle:
                self._pool.drop(connection)

    def admit(self, sock: socket.socket, address: str) -> None:
        """Take a client in.

        Args:
            sock: that was accepted.
            address: of the client.
        """
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock, address, self._guard, self._monotonic() + DEADLINE_SECONDS)
        if self._pool.add(connection):
            # An honest scraper's request is here already: it is served before a flood can crowd it out.
            self._serve(connection)

    def sweep(self) -> float | None:
        """Close what is overdue.

        Returns:
            Monotonic seconds of the next deadline, None where nothing waits.
        """
        now = self._monotonic()
        for connection in [item for item in self._pool if item.deadline <= now]:
            self._expire(connection)
        return min((connection.deadline for connection in self._pool), default=None)

    def close(self) -> None:
        """Close every socket, and end the verification of passwords."""
        for connection in list(self._pool):
            self._pool.drop(connection)
        self._passwords.close()

    def _expire(self, connection: Connection) -> None:
        if connection.lingering or connection.is_idle:
            self._pool.drop(connection)
            return
        self._count("timeout")
        if connection.inbox and connection.waits:
            self._answer(connection, _plain(HTTPStatus.REQUEST_TIMEOUT), None)
            self._serve(connection)
        else:
            self._pool.drop(connection)

    def _linger(self, connection: Connection) -> None:
        """End a connection, but read on for a moment: a reset would eat what was sent."""
        connection.lingering = True
        connection.inbox.clear()
        connection.deadline = self._monotonic() + _LINGER_SECONDS
        self._pool.watch(connection, selectors.EVENT_READ)
        connection.stream.end()

    def _count(self, reason: str) -> None:
        self.rejected[reason] += 1

    def _serve(self, connection: Connection) -> None:
        """Go on with a connection until it would block, has had its turn, or ends."""
        if connection not in self._pool:
            return  # dropped for a newcomer while the selector had already reported it
        try:
            while self._step(connection):
                pass
        except Blocked as blocked:
            self._pool.watch(connection, blocked.events)
        except (BlockingIOError, InterruptedError):
            self._pool.watch(connection, selectors.EVENT_WRITE if connection.outbox else selectors.EVENT_READ)
        except OSError:
            self._pool.drop(connection)

    def _step(self, connection: Connection) -> bool:
        """Take one step; return False when the connection has ended or had its turn."""
        if connection.lingering:
            if not connection.stream.recv(HEAD_LIMIT):
                self._pool.drop(connection)
            return False
        if connection.outbox:
            self._send(connection)
            return True
        if connection.state is State.SILENT:
            return self._greet(connection)
        if connection.state is State.HANDSHAKE:
            return self._shake_hands(connection)
        return self._exchange(connection)

    def _greet(self, connection: Connection) -> bool:
        """Look at a client's first byte: does it speak what is spoken here?"""
        first = connection.sock.recv(1, socket.MSG_PEEK)
        if not first:
            self._pool.drop(connection)
            return False
        connection.guard = self._guard
        if connection.guard.context is None:
            return self._pool.advance(connection, State.OPEN)
        if first[0] != HANDSHAKE:
            self._count("bad_request")
            self._answer(connection, Response(HTTPStatus.BAD_REQUEST, _USE_TLS), None)
            return True
        if not self._pool.advance(connection, State.HANDSHAKE):
            return False
        connection.stream = connection.guard.stream(connection.sock)
        return True

    def _shake_hands(self, connection: Connection) -> bool:
        try:
            allowed = connection.stream.handshake()
        except HandshakeFailed as failed:
            self._count(failed.reason)
            self._linger(connection)
            return False
        if not allowed:
            self._count("client_certificate")
            self._answer(connection, Response(HTTPStatus.FORBIDDEN, _NOT_ALLOWED), None)
            return True
        connection.deadline = self._monotonic() + DEADLINE_SECONDS
        return self._pool.advance(connection, State.OPEN)

    def _exchange(self, connection: Connection) -> bool:
        if connection.asking is not None:
            return False
        if self._take_request(connection):
            return True
        data = connection.stream.recv(HEAD_LIMIT - len(connection.inbox))
        if not data:
            self._pool.drop(connection)
            return False
        connection.inbox += data
        return True

    def _send(self, connection: Connection) -> None:
        view = connection.outbox[0]
        sent = connection.stream.send(view)
        if sent < len(view):
            connection.outbox[0] = view[sent:]
            return
        connection.outbox.pop(0)
        if connection.outbox:
            return
        connection.served += 1
        connection.deadline = self._monotonic() + DEADLINE_SECONDS
        if connection.last:
            self._linger(connection)

    def _take_request(self, connection: Connection) -> bool:
        """Answer the next request of the inbox; return False where more of it must come first."""
        inbox = connection.inbox
        while inbox.startswith(b"\r\n"):  # before a request line they are ignored (RFC 9112 2.2)
            del inbox[:2]
        end = inbox.find(b"\r\n\r\n")
        try:
            if end < 0:
                _check_beginning(inbox)
                return False
            request = parse(bytes(inbox[:end]))
        except Refusal as refusal:
            self._count(refusal.reason)
            self._answer(connection, _refuse(refusal), None)
            return True
        del inbox[: end + 4]
        self._let_in(connection, request)
        return True

    def _let_in(self, connection: Connection, request: Request) -> None:
        """Answer a request whose password is right, or is not asked for."""
        if not self._passwords.wanted:
            self._answer(connection, self._respond(request), request)
            return
        try:
            right = self._passwords.ask(connection, request.authorization, connection.address)
        except Busy:
            self._count("too_many_logins")
            self._answer(connection, _plain(HTTPStatus.SERVICE_UNAVAILABLE), request)
            return
        connection.asking = request
        if right is None:
            self._pool.watch(connection, 0)
        else:
            self._judge(connection, right=right)

    def _settle(self, connection: Connection, right: bool) -> None:  # noqa: FBT001  # called by position
        """Go on with a request whose password has been verified."""
        if connection in self._pool:
            self._judge(connection, right=right)
            self._serve(connection)

    def _judge(self, connection: Connection, *, right: bool) -> None:
        request, connection.asking = connection.asking, None
        if request is None:
            return
        if right:
            self._answer(connection, self._respond(request), request)
        else:
            self._count("unauthorized")
            self._answer(connection, _plain(HTTPStatus.UNAUTHORIZED, _ASK_FOR_PASSWORD), request)

    def _answer(self, connection: Connection, response: Response, request: Request | None) -> None:
        connection.last = (
            request is None
            or not request.keep_alive
            or connection.served + 1 >= _MAX_REQUESTS
            or connection.guard is not self._guard  # what let it in is no longer in force
        )
        connection.outbox.append(memoryview(head(response, self._wall(), keep_alive=not connection.last)))
        if response.body and not (request and request.head_only):
            connection.outbox.append(memoryview(response.body))


def _check_beginning(inbox: bytearray) -> None:
    """Refuse early what will never be a request: too long a head, or a TLS client hello."""
    if len(inbox) >= HEAD_LIMIT:
        raise Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large")
    if inbox and inbox != b"\r" and not inbox[:1].isalpha():
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad_request")


def _refuse(refusal: Refusal) -> Response:
    status = refusal.status
    return _plain(status, (("Allow", "GET, HEAD"),) if status is HTTPStatus.METHOD_NOT_ALLOWED else ())


def _plain(status: HTTPStatus, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    return Response(status, f"{status.value} {status.phrase}\n".encode(), headers=headers)
