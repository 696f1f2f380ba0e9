"""Serve the pages of a fleet, each agent at a loopback address of its own, by the HTTP front of the core."""

from __future__ import annotations

import selectors
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final, Self

from secmon.core.plan import Listen
from secmon.export.http import Front

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from tools.demo.fleet import Fleet

INVENTORY_ADDRESS: Final = "127.20.0.1"
INVENTORY_PAGE: Final = "inventory.prom"
RENDER_SECONDS: Final = 15.0
"""How often an agent makes its page anew, as the real core does."""
_POLL_SECONDS: Final = 0.25


class Serving:
    """The pages of a fleet while the context is open.

    Args:
        fleet: whose pages.
        port: TCP port at every address.
        folder: where the page of the inventory is written, and served from.

    Raises:
        OSError: an address cannot be had.
    """

    def __init__(self, fleet: Fleet, port: int, folder: Path) -> None:
        self._fleet = fleet
        self._folder = folder
        self._selector = selectors.DefaultSelector()
        self._fronts: dict[str, Front] = {}
        self._due: dict[str, float] = {}
        self._stop = threading.Event()
        try:
            for name, agent in fleet.agents.items():
                front = Front(self._selector, fleet.renderers[name].render)
                front.listen(Listen(agent.machine.address, port))
                self._fronts[name] = front
            handler = partial(_Files, directory=str(folder))
            self._files = ThreadingHTTPServer((INVENTORY_ADDRESS, port), handler)
        except OSError:
            self._close()
            raise
        self._threads = (
            threading.Thread(target=self._serve, name="agents"),
            threading.Thread(target=self._files.serve_forever, args=(_POLL_SECONDS,), name="inventory"),
        )

    def __enter__(self) -> Self:
        """Begin to serve; every page is there."""
        self._write_inventory()
        now = time.monotonic()
        for number, name in enumerate(self._fronts):
            self._publish(name)
            self._due[name] = now + RENDER_SECONDS * (1 + number / len(self._fronts))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving."""
        self._stop.set()
        self._files.shutdown()
        for thread in self._threads:
            thread.join()
        self._files.server_close()
        self._close()

    def _serve(self) -> None:
        renewed = time.monotonic()
        while not self._stop.is_set():
            for key, _ in self._selector.select(_POLL_SECONDS):
                key.data()
            now = time.monotonic()
            for name, front in self._fronts.items():
                front.sweep()
                if self._due[name] <= now:
                    self._due[name] = now + RENDER_SECONDS
                    self._publish(name)
            if renewed + RENDER_SECONDS <= now:
                renewed = now
                self._write_inventory()

    def _publish(self, name: str) -> None:
        front = self._fronts[name]
        front.publish(self._fleet.agents[name].snapshot(time.time()))
        front.ready = True

    def _write_inventory(self) -> None:
        """Replace the page of the inventory at once, as docs/inventory.md says."""
        aside = self._folder / "new"
        aside.write_bytes(self._fleet.inventory_page(time.time()))
        aside.replace(self._folder / INVENTORY_PAGE)

    def _close(self) -> None:
        for front in self._fronts.values():
            front.close()
        self._selector.close()


class _Files(SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    extensions_map = {  # noqa: RUF012  # the base class wants it here
        ".prom": "text/plain; version=0.0.4; charset=utf-8",
        "": "text/plain",
    }

    def log_message(self, *_: object) -> None:
        """Write no log."""
