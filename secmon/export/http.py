"""Serve the page over HTTP in the core's own loop: no thread, no blocking call, no work for a scrape."""

from __future__ import annotations

import errno
import ipaddress
import selectors
import socket
import time
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from secmon.export.request import HEAD_LIMIT, Refusal, Request, Response, head, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from secmon.core.snapshot import Snapshot
    from secmon.export.metrics import Page

MAX_CONNECTIONS: Final = 64
DEADLINE_SECONDS: Final = 5.0
"""Time for one whole exchange: waiting for the request, its head, and taking the response."""
HEALTHY_SECONDS: Final = 60.0
"""A page older than this is not healthy."""
REASONS: Final = (
    "accept_failed",
    "bad_request",
    "head_too_large",
    "method_not_allowed",
    "not_found",
    "timeout",
    "too_many_connections",
)
"""Every value of the label of secmon_scrape_rejected_total."""

_BACKLOG: Final = 128
_MAX_REQUESTS: Final = 100  # on one connection
_LINGER_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 1.0  # out of descriptors: accepting again at once would spin
_PAGE_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_LANDING: Final = (
    '<!doctype html><html lang="vi"><meta charset="utf-8"><title>secmon</title><h1>secmon</h1>'
    '<p><a href="/metrics">/metrics</a>: số liệu cho Prometheus <span lang="en">(metrics)</span></p>'
    '<p><a href="/-/healthy">/-/healthy</a>, <a href="/-/ready">/-/ready</a>: '
    'tình trạng của tác tử <span lang="en">(state of the agent)</span></p></html>\n'
).encode()


class ListenError(OSError):
    """The page cannot be served at the configured address; the message says what to do."""


class _Connection:
    """One client.

    Attributes:
        sock: non-blocking.
        deadline: monotonic seconds at which it is closed.
        inbox: bytes of requests not yet answered, never more than a head.
        outbox: what is still to send.
        served: responses sent.
        last: no request is read after the response in `outbox`.
        lingering: the response is out; what still comes is thrown away, lest a reset eats the response.
    """

    __slots__ = ("deadline", "inbox", "last", "lingering", "outbox", "served", "sock")

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self.sock = sock
        self.deadline = deadline
        self.inbox = bytearray()
        self.outbox: list[memoryview] = []
        self.served = 0
        self.last = False
        self.lingering = False

    @property
    def is_idle(self) -> bool:
        """Say whether it was answered and has begun nothing since."""
        return self.served > 0 and not self.inbox and not self.outbox


class Front:
    """The HTTP front; every socket is registered with a callable as its data, which the loop calls.

    Args:
        selector: of the core's loop.
        render: makes a page of a snapshot.
        monotonic: clock for deadlines and the age of the page, seconds.
        wall: clock for Date, Unix seconds.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        render: Callable[[Snapshot], Page],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._selector = selector
        self._render = render
        self._monotonic = monotonic
        self._wall = wall
        self._listener: socket.socket | None = None
        self._paused_until: float | None = None
        self._connections: set[_Connection] = set()
        self._page: Page | None = None
        self._drawn = 0.0
        self.ready = False
        self.rejected = dict.fromkeys(REASONS, 0)

    def listen(self, address: str, port: int) -> tuple[str, int]:
        """Serve at an address from now on, and no longer at the one before.

        Args:
            address: an address of this host.
            port: TCP port, 0 for any.

        Returns:
            The address and port that it got.

        Raises:
            ListenError: it cannot be had; the one before is kept.
        """
        listener = _open_listener(address, port)
        self._stop_listening()
        self._listener = listener
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        host, bound = listener.getsockname()[:2]
        return str(host), int(bound)

    def publish(self, snapshot: Snapshot) -> None:
        """Render a snapshot and serve it from now on; connections being answered keep the page they began."""
        self._page = self._render(snapshot)
        self._drawn = self._monotonic()

    def sweep(self) -> float | None:
        """Close what is overdue and accept again after a pause.

        Returns:
            Seconds until this wants to be called again, None where nothing waits.
        """
        now = self._monotonic()
        if self._paused_until is not None and now >= self._paused_until:
            self._paused_until = None
            if self._listener is not None:
                self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        for connection in [item for item in self._connections if item.deadline <= now]:
            self._expire(connection)
        waits = [connection.deadline for connection in self._connections]
        if self._paused_until is not None:
            waits.append(self._paused_until)
        return max(0.0, min(waits) - now) if waits else None

    def close(self) -> None:
        """Close every socket."""
        self._stop_listening()
        for connection in list(self._connections):
            self._drop(connection)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            if self._paused_until is None:
                self._selector.unregister(self._listener)
            self._listener.close()
            self._listener, self._paused_until = None, None

    def _accept(self) -> None:
        for _ in range(MAX_CONNECTIONS):
            if self._listener is None:
                return
            try:
                sock, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError:
                self._pause()
                return
            self._admit(sock)

    def _pause(self) -> None:
        """Stop accepting for a moment: without descriptors (EMFILE, ENFILE, ENOBUFS) the loop would spin."""
        self.rejected["accept_failed"] += 1
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._paused_until = self._monotonic() + _PAUSE_SECONDS

    def _admit(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        if len(self._connections) >= MAX_CONNECTIONS and not self._evict():
            self.rejected["too_many_connections"] += 1
            sock.close()
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(sock, self._monotonic() + DEADLINE_SECONDS)
        self._connections.add(connection)
        self._watch(connection, selectors.EVENT_READ, new=True)
        # An honest scraper's request is here already: it is served before a flood can crowd it out.
        self._serve(connection)

    def _evict(self) -> bool:
        """Drop the connection that has kept its request back longest, so that silent ones block nobody."""
        waiting = [item for item in self._connections if not item.outbox]
        if not waiting:
            return False
        victim = min(waiting, key=lambda item: item.deadline)
        if not victim.is_idle and not victim.lingering:
            self.rejected["too_many_connections"] += 1
        self._drop(victim)
        return True

    def _watch(self, connection: _Connection, events: int, *, new: bool = False) -> None:
        change = self._selector.register if new else self._selector.modify
        change(connection.sock, events, partial(self._serve, connection))

    def _drop(self, connection: _Connection) -> None:
        self._selector.unregister(connection.sock)
        self._connections.discard(connection)
        connection.sock.close()

    def _expire(self, connection: _Connection) -> None:
        if connection.lingering or connection.is_idle:
            self._drop(connection)
            return
        self.rejected["timeout"] += 1
        if connection.inbox and not connection.outbox:
            self._answer(connection, _refuse(Refusal(HTTPStatus.REQUEST_TIMEOUT, "timeout")), None)
            self._serve(connection)
        else:
            self._drop(connection)

    def _serve(self, connection: _Connection) -> None:
        """Go on with a connection until it would block, has had its turn, or ends."""
        if connection not in self._connections:
            return  # dropped for a newcomer while the selector had already reported it
        try:
            while self._step(connection):
                pass
        except (BlockingIOError, InterruptedError):
            events = selectors.EVENT_WRITE if connection.outbox else selectors.EVENT_READ
            self._watch(connection, events)
        except OSError:
            self._drop(connection)

    def _step(self, connection: _Connection) -> bool:
        """Send, answer or read once; return False when the connection has ended or had its turn."""
        if connection.outbox:
            self._send(connection)
            return True
        if connection.lingering:
            if not connection.sock.recv(HEAD_LIMIT):
                self._drop(connection)
            return False
        if self._take_request(connection):
            return True
        data = connection.sock.recv(HEAD_LIMIT - len(connection.inbox))
        if not data:
            self._drop(connection)
            return False
        connection.inbox += data
        return True

    def _send(self, connection: _Connection) -> None:
        view = connection.outbox[0]
        sent = connection.sock.send(view)
        if sent < len(view):
            connection.outbox[0] = view[sent:]
            return
        connection.outbox.pop(0)
        if connection.outbox:
            return
        connection.served += 1
        wait = DEADLINE_SECONDS
        if connection.last:
            connection.lingering, wait = True, _LINGER_SECONDS
            connection.inbox.clear()
            self._watch(connection, selectors.EVENT_READ)
            connection.sock.shutdown(socket.SHUT_WR)
        connection.deadline = self._monotonic() + wait

    def _take_request(self, connection: _Connection) -> bool:
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
            self.rejected[refusal.reason] += 1
            self._answer(connection, _refuse(refusal), None)
            return True
        del inbox[: end + 4]
        self._answer(connection, self._respond(request), request)
        return True

    def _answer(self, connection: _Connection, response: Response, request: Request | None) -> None:
        connection.last = request is None or not request.keep_alive or connection.served + 1 >= _MAX_REQUESTS
        connection.outbox.append(memoryview(head(response, self._wall(), keep_alive=not connection.last)))
        if response.body and not (request and request.head_only):
            connection.outbox.append(memoryview(response.body))

    def _respond(self, request: Request) -> Response:
        if request.path == "/metrics":
            return self._metrics(request)
        if request.path == "/":
            return Response(
                HTTPStatus.OK,
                _LANDING,
                "text/html; charset=utf-8",
                (("Content-Security-Policy", "default-src 'none'"),),
            )
        if request.path == "/-/healthy":
            age = self._monotonic() - self._drawn if self._page else None
            return _state(good=age is not None and age <= HEALTHY_SECONDS, bad="the page is too old\n")
        if request.path == "/-/ready":
            return _state(good=self.ready and self._page is not None, bad="not ready\n")
        self.rejected["not_found"] += 1
        return Response(HTTPStatus.NOT_FOUND, b"404 Not Found\n")

    def _metrics(self, request: Request) -> Response:
        if self._page is None:
            return _state(good=False, bad="not ready\n")
        vary = ("Vary", "Accept-Encoding")
        if request.gzip:
            headers = (vary, ("Content-Encoding", "gzip"))
            return Response(HTTPStatus.OK, self._page.gzipped, _PAGE_TYPE, headers)
        return Response(HTTPStatus.OK, self._page.plain, _PAGE_TYPE, (vary,))


def _check_beginning(inbox: bytearray) -> None:
    """Refuse early what will never be a request: too long a head, or a TLS client hello."""
    if len(inbox) >= HEAD_LIMIT:
        raise Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large")
    if inbox and inbox != b"\r" and not inbox[:1].isalpha():
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad_request")


def _refuse(refusal: Refusal) -> Response:
    status = refusal.status
    headers = (("Allow", "GET, HEAD"),) if status is HTTPStatus.METHOD_NOT_ALLOWED else ()
    return Response(status, f"{status.value} {status.phrase}\n".encode(), headers=headers)


def _state(*, good: bool, bad: str) -> Response:
    return (
        Response(HTTPStatus.OK, b"ok\n") if good else Response(HTTPStatus.SERVICE_UNAVAILABLE, bad.encode())
    )


def _open_listener(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        shown = f"[{address}]:{port}" if family == socket.AF_INET6 else f"{address}:{port}"
        raise ListenError(f"cannot listen on {shown}: {error.strerror}; {_repair(error)}") from error
    listener.setblocking(False)
    return listener


def _repair(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "stop the other program or change listen.port"
    if error.errno == errno.EADDRNOTAVAIL:
        return "listen.address must be an address of this host"
    if error.errno == errno.EACCES:
        return "choose a listen.port above 1023"
    return "change listen.address or listen.port"
