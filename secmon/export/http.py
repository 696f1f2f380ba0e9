"""Serve the page over HTTP in the core's own loop: no thread, no blocking call, no work for a scrape."""

from __future__ import annotations

import errno
import ipaddress
import selectors
import socket
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from secmon.export.connections import Connections
from secmon.export.guard import ListenError, load_guard
from secmon.export.request import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from secmon.core.plan import Listen
    from secmon.core.snapshot import Snapshot
    from secmon.export.metrics import Page

HEALTHY_SECONDS: Final = 60.0
"""A page older than this is not healthy."""
_ACCEPTED_AT_ONCE: Final = 64
_BACKLOG: Final = 128
_PAUSE_SECONDS: Final = 1.0  # out of descriptors: accepting again at once would spin
_PAGE_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_LANDING: Final = (
    '<!doctype html><html lang="vi"><meta charset="utf-8"><title>secmon</title><h1>secmon</h1>'
    '<p><a href="/metrics">/metrics</a>: số liệu cho Prometheus <span lang="en">(metrics)</span></p>'
    '<p><a href="/-/healthy">/-/healthy</a>, <a href="/-/ready">/-/ready</a>: '
    'tình trạng của tác tử <span lang="en">(state of the agent)</span></p></html>\n'
).encode()


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
        self._listener: socket.socket | None = None
        self._place = ("", 0)
        self._paused_until: float | None = None
        self._connections = Connections(selector, self._respond, monotonic, wall)
        self._page: Page | None = None
        self._drawn = 0.0
        self.ready = False

    @property
    def rejected(self) -> dict[str, int]:
        """Return how many requests and connections were refused, by reason."""
        return self._connections.rejected

    def listen(self, listen: Listen) -> tuple[str, int]:
        """Serve as configured from now on, and no longer as before; certificates are read again.

        Args:
            listen: an address of this host, a TCP port (0 for any), and what protects the page.

        Returns:
            The address and port that it got.

        Raises:
            ListenError: it cannot be had; what was before is kept.
        """
        guard = load_guard(listen.web)
        place = (listen.address, listen.port)
        if self._listener is None or self._place != place:
            listener = _open_listener(*place)
            self._stop_listening()
            self._listener, self._place = listener, place
            self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._connections.use(guard)
        host, bound = self._listener.getsockname()[:2]
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
        waits = [when for when in (self._connections.sweep(), self._paused_until) if when is not None]
        return max(0.0, min(waits) - now) if waits else None

    def close(self) -> None:
        """Close every socket."""
        self._stop_listening()
        self._connections.close()

    def _stop_listening(self) -> None:
        if self._listener is not None:
            if self._paused_until is None:
                self._selector.unregister(self._listener)
            self._listener.close()
            self._listener, self._paused_until = None, None

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            if self._listener is None:
                return
            try:
                sock, address = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError:
                self._pause()
                return
            self._connections.admit(sock, str(address[0]))

    def _pause(self) -> None:
        """Stop accepting for a moment: without descriptors (EMFILE, ENFILE, ENOBUFS) the loop would spin."""
        self.rejected["accept_failed"] += 1
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._paused_until = self._monotonic() + _PAUSE_SECONDS

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
