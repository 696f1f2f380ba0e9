"""Pace packets: no second in which a target counts more than its budget and a twentieth."""

from __future__ import annotations

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

    Attributes:
        rate: packets per second.
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

    def spend(self, packets: int, now: float) -> None:
        """Count packets that have just gone.

        Args:
            packets: how many.
            now: seconds of the caller's clock, which never runs backwards.
        """
        self._next = max(self._next, now) + packets * self._interval
