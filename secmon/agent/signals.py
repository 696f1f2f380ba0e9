"""Bring signals into the loop of the main thread, where they can be dealt with like anything else."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WANTED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_CHUNK = 4096


@contextlib.contextmanager
def delivered(selector: selectors.BaseSelector, deliver: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Deliver TERM, INT and HUP in the main loop while the context lasts.

    Args:
        selector: of the main loop, which calls the data of what is ready.
        deliver: called with each signal.

    Yields:
        Nothing.
    """
    read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def read() -> None:
        with contextlib.suppress(BlockingIOError):
            # The interpreter writes the number of each signal as one byte.
            for number in os.read(read_end, _CHUNK):
                deliver(signal.Signals(number))

    before = {number: signal.signal(number, lambda *_: None) for number in WANTED}
    wakeup = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    selector.register(read_end, selectors.EVENT_READ, read)
    try:
        yield
    finally:
        selector.unregister(read_end)
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        os.close(read_end)
        os.close(write_end)
