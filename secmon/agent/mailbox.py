"""Bring what signal handlers and other threads have to say into the loop of the main thread."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Message:
    """What the loop is told.

    Attributes:
        kind: `stop` and `reload` come from signals, `due` from the schedule.
        check: name of the check that is due, "" for the others.
    """

    kind: Literal["stop", "reload", "due"]
    check: str = ""


SIGNALS: Mapping[signal.Signals, Message] = {
    signal.SIGTERM: Message("stop"),
    signal.SIGINT: Message("stop"),
    signal.SIGHUP: Message("reload"),
}


class Mailbox:
    """A queue whose reader sleeps in a selector.

    Args:
        selector: of the main loop.
        deliver: called in the main loop, once for each message.
    """

    def __init__(self, selector: selectors.BaseSelector, deliver: Callable[[Message], None]) -> None:
        self._messages: deque[Message] = deque()
        self._deliver = deliver
        self._selector = selector
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        selector.register(self._read, selectors.EVENT_READ, self._wake)

    def post(self, message: Message) -> None:
        """Leave a message; any thread and any signal handler may."""
        self._messages.append(message)
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes the loop as well as one byte more
            os.write(self._write, b"!")

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Turn TERM, INT and HUP into messages while the context lasts."""
        before = {
            number: signal.signal(number, lambda *_, message=message: self.post(message))
            for number, message in SIGNALS.items()
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def close(self) -> None:
        """Close the pipe; nobody may post any more."""
        self._selector.unregister(self._read)
        os.close(self._read)
        os.close(self._write)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._read, _CHUNK)
        while self._messages:
            self._deliver(self._messages.popleft())
