"""Pace packets: no second in which a target counts more than its budget and a twentieth."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

_STEADY: Final = 0.98
_UNASKED: Final = 1.0  # packets per second
_LEAST: Final = 0.75
"""Parts of the rate that are used: repetitions and resets by the kernel come when it likes, and need room."""
_SLACK_SECONDS: Final = 0.02
"""How late a wake-up may be and still be made up for."""
_ALLOWANCE: Final = 0.04  # of a second's packets: what slack and rounding may cost together


class Pace:
    """A budget of packets per second (the generic cell rate algorithm, ITU-T I.371).

    Who sends asks `ready_at` before, and calls `spend` after the packet has gone. Then any span of time
    holds at most 0.98 x rate x (the span + 0.02 s) packets, and one, however late the program is woken, less
    one packet a second for what the kernel sends unasked.
    A slack of less than two packets would allow nothing, and is taken as none.

    Args:
        rate: packets per second, above 0.
        start: seconds of the caller's clock at which the first packet is due.
    """

    __slots__ = ("_interval", "_next", "_slack", "rate")

    def __init__(self, rate: float, start: float = 0.0) -> None:
        self.rate = rate
        self._interval = 1 / max(rate * _STEADY - _UNASKED, rate * _LEAST)
        self._slack = max(0.0, min(_SLACK_SECONDS, _ALLOWANCE - 2 / rate))
        self._next = start  # when the next packet would be due at an even pace

    def ready_at(self) -> float:
        """Return the instant, on the caller's clock, from which a packet may go."""
        return self._next - self._slack

    def room(self, now: float) -> int:
        """Return how many packets may go at once.

        Args:
            now: seconds of the caller's clock.
        """
        early = max(self._next - now, 0.0)
        return int((self._slack - early) / self._interval) + 1 if early <= self._slack else 0

    def ended_at(self) -> float:
        """Return an instant, on the caller's clock, before which all packets went that were spent so far."""
        return self._next

    def spend(self, packets: int, now: float) -> None:
        """Count packets that have just gone.

        Args:
            packets: how many.
            now: seconds of the caller's clock, which never runs backwards.
        """
        self._next = max(self._next, now) + packets * self._interval


class Reserve:
    """Connections' share of a budget: what they may cost is set aside; the kernel sends when it likes.

    A connection holds all packets that it can cost from before its SYN until it is closed; what it did cost
    then counts for one second more. A packet within some second belongs to a connection that was open in
    that second, and all of those were counted at its end: so no second holds more than the rate, however late
    an acknowledgement goes. Packets that a pace let through before are counted while they are in that second.

    A rate below what one connection costs lets one go at a time, and is kept on average.

    Args:
        pace: of the host; nothing else spends from it any more.
    """

    __slots__ = ("_before", "_ended", "_held", "_left", "_limit")

    def __init__(self, pace: Pace) -> None:
        self._limit = max(int(pace.rate), 1)
        self._before = pace.ended_at()
        self._held = 0  # by connections that are open
        self._ended = 0  # by connections that were closed in this last second
        self._left: deque[tuple[float, int]] = deque()  # when they count no more

    def has_room(self, packets: int, now: float) -> bool:
        """Tell whether a connection that costs so many packets may begin.

        Args:
            packets: how many at most.
            now: seconds of the caller's clock, which never runs backwards.
        """
        while self._left and self._left[0][0] <= now:
            self._ended -= self._left.popleft()[1]
        taken = self._held + self._ended + self._paced(now)
        return taken + packets <= max(self._limit, packets)

    def hold(self, packets: int) -> None:
        """Set packets aside for a connection that begins now."""
        self._held += packets

    def release(self, held: int, cost: int, now: float) -> None:
        """Note that a connection was closed.

        Args:
            held: packets that were set aside for it.
            cost: packets that it did cost, and what may still follow.
            now: seconds of the caller's clock.
        """
        self._held -= held
        self._ended += cost
        until = now + max(1.0, cost / self._limit)
        self._left.append((max(until, self._left[-1][0] if self._left else 0.0), cost))

    def _paced(self, now: float) -> int:
        """Return how many packets the pace can have let through in the second that ends now."""
        span = self._before - (now - 1.0)
        return math.ceil(_STEADY * self._limit * (min(span, 1.0) + _SLACK_SECONDS)) + 1 if span > 0 else 0
