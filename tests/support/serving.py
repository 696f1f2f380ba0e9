"""Run the HTTP front in a thread of its own, as the core runs it in its loop."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import selectors
import socket
import threading
import time
from typing import TYPE_CHECKING

from secmon.core.plan import Listen
from secmon.export.http import Front
from secmon.export.metrics import Page

if TYPE_CHECKING:
    from secmon.core.web import Web

TEXT = (
    b"# HELP secmon_build_info Version of secmon.\n# TYPE secmon_build_info gauge\n"
    b'secmon_build_info{version="0.1.0"} 1.0\n'
)


class Serving:
    """A front in a thread of its own, as the core runs it in its loop."""

    def __init__(self, body: bytes = TEXT, clock=time.monotonic, web: Web | None = None) -> None:
        self.selector = selectors.DefaultSelector()
        self.front = Front(self.selector, lambda _: Page(body, gzip.compress(body)), monotonic=clock)
        self.address = self.front.listen(Listen(port=0, web=web))
        self.turns = 0
        self._open = contextlib.ExitStack()
        self._wake, wake = map(self._open.enter_context, socket.socketpair())
        self.selector.register(wake, selectors.EVENT_READ, None)
        self._running = True
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._running = False
        self._wake.send(b"x")
        self._thread.join()
        self.front.close()
        self.selector.close()
        self._open.close()

    def _run(self) -> None:
        while self._running:
            self.turns += 1
            for key, _ in self.selector.select(self.front.sweep()):
                if key.data:
                    key.data()

    def connect(self) -> socket.socket:
        return self._open.enter_context(socket.create_connection(self.address, timeout=30))

    def client(self) -> http.client.HTTPConnection:
        return self._open.enter_context(
            contextlib.closing(http.client.HTTPConnection(*self.address, timeout=30))
        )
