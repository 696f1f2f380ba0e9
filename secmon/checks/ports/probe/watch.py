"""Watch what listens on this host, about once a second, at next to no cost.

The kernel lists its listeners in a fraction of a millisecond. Only when the list has changed is anybody asked
who holds them; and only then, or when the time of a window is over, is anything told.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NoReturn

from secmon.checks.ports.probe.canary import open_canary
from secmon.checks.ports.sightings import Sightings

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from secmon.checks.ports.probe.eyes import Eyes
    from secmon.core.contract import Emit
    from secmon.core.model import Fact
    from secmon.sources import diag

_LOOK_SECONDS: Final = 1.0
_SOON_SECONDS: Final = 10.0  # between two windows that news ends
_LATE_SECONDS: Final = 60.0  # the same, where news never ends: each window costs a judgement
_WINDOWS: Final = 3  # that may be late before the child counts as hung
_SHARE: Final = 0.003  # of one core, for asking who holds the sockets
_BURST_SECONDS: Final = 20.0  # that share of so long a time may be spent at once
_EPHEMERAL: Final = 32768  # where Linux, left alone, begins to pick ports itself


Tell = Callable[["diag.Listing", "Sequence[Fact]"], None]
"""Takes what was seen as one observation."""


def watch(eyes: Eyes, emit: Emit, tell: Tell, deadline: float) -> NoReturn:
    """Look and tell until the process is ended from outside.

    Args:
        eyes: of this host.
        emit: takes the canary's word.
        tell: takes what was seen.
        deadline: seconds of silence after which the child is ended.
    """
    watcher = Watcher(eyes, emit, tell, deadline / _WINDOWS)
    while True:
        watcher.look(time.monotonic())
        time.sleep(_LOOK_SECONDS)


class Watcher:
    """The state between two looks.

    Args:
        eyes: of this host.
        emit: takes the canary's word.
        tell: takes what was seen.
        window_seconds: the longest time between two observations.
    """

    def __init__(self, eyes: Eyes, emit: Emit, tell: Tell, window_seconds: float) -> None:
        self._eyes = eyes
        self._emit = emit
        self._tell = tell
        self._window = window_seconds
        self._sightings = Sightings(window_seconds)
        self._outline: frozenset[object] | None = None
        self._changed = True
        self._told_at = float("-inf")
        self._pause = _SOON_SECONDS
        self._ask_at = float("-inf")

    def look(self, now: float) -> None:
        """List the listeners; describe them where they have changed; tell where there is news, or it is time.

        Args:
            now: seconds of a clock that never steps.
        """
        listing = self._eyes.listing()
        seen = frozenset(map(outline, listing.sockets))
        if seen != self._outline and self._outline is not None:
            self._note(listing, now)
        self._outline = seen
        since = now - self._told_at
        if since >= self._window or (self._changed and since >= self._pause):
            self._pause = min(2 * self._pause if since < _LATE_SECONDS else _SOON_SECONDS, _LATE_SECONDS)
            self._end_window(now, ask=since >= self._window or self._may_ask(now))

    def _may_ask(self, now: float) -> bool:
        """Tell whether the share of a core has room for asking who holds the sockets."""
        return now >= self._ask_at - _BURST_SECONDS

    def _end_window(self, now: float, *, ask: bool) -> None:
        """Look once more, with the canary open, and end the window."""
        with open_canary() as canary:
            listing = self._eyes.listing()
            self._note(listing, now, canary.inodes, processes_too=ask)
            canary.tell(listing, self._emit)
        self._tell(listing, self._sightings.facts())
        self._changed, self._told_at = False, now

    def _note(
        self, listing: diag.Listing, now: float, but: Collection[int] = (), *, processes_too: bool = False
    ) -> None:
        """Describe what listens; the processes only as often as the share of a core allows."""
        began = time.thread_time()
        ask = processes_too or self._may_ask(now)
        self._changed |= self._sightings.note(self._eyes.describe(listing, but, processes_too=ask), now)
        if self._told_at >= 0:  # what the first look learns is asked for once
            self._ask_at = max(self._ask_at, now) + (time.thread_time() - began) / _SHARE


def outline(socket: diag.Socket) -> tuple[object, ...]:
    """Return what makes a listener another one than before.

    The number of a UDP port that the kernel may have picked says nothing: resolvers often have new ones.
    """
    if socket.proto == "udp" and socket.port >= _EPHEMERAL:
        return ("udp", socket.family, socket.address, socket.interface, socket.uid, socket.cgroup)
    return (socket.proto, socket.family, socket.address, socket.port, socket.interface, socket.inode)
